"""Whether what is shown fits a terminal."""

import re

from rich.cells import cell_len

# Commands, keys, addresses, outputs, payloads and messages are left whole, to be copied or wrapped by the terminal.
_WHOLE = re.compile(
    r"^ *(aws |pulumi |--|records/|dev-quarantine|python |https?://|on AWS: |[a-z_]+ {2,}(arn:|https?://)"
    r"|Changing |Replayed |No address |\{\")"
)


def check_width(text: str, width: int) -> None:
    """Fail if a line is wider than a terminal of `width` columns."""
    lines = [line for line in text.splitlines() if not _WHOLE.match(line)]
    assert lines
    too_wide = [line for line in lines if cell_len(line) > width]
    assert not too_wide, too_wide
