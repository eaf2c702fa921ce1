"""``python -m local``."""

import signal
from types import FrameType

from local.cli import main


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


signal.signal(signal.SIGTERM, _interrupt)  # the same as Ctrl-C
main(prog_name="python -m local")
