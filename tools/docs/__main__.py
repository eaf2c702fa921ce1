"""Writes the generated pages and pictures of `docs/`: `python -m tools.docs`, or `make docs`.

`python -m tools.docs record` runs the demo and a minute of traffic on local AWS first, and stores the data of the
pictures in `recorded/`. Everything else is generated from the code and from those files, and a test compares.
"""

import sys

from tools.docs.pages import PAGES
from tools.docs.record import record


def main() -> None:
    """Write every page and picture; record first if asked to."""
    if sys.argv[1:] == ["record"]:
        record()
    for path, render in PAGES.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(render(), encoding="utf-8")
        print(path.name)


main()
