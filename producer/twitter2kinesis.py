"""The producer as a script: `python producer/twitter2kinesis.py`, from any directory."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # the folder of the package, not the package

from producer.cli import main  # noqa: E402  -- needs the path above

main()
