"""``python -m local``."""

import os
import signal
import sys
from types import FrameType

from stack.interrupts import heed_interrupts


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


signal.signal(signal.SIGTERM, _interrupt)  # the same as Ctrl-C
try:
    heed_interrupts()
    from local.cli import main
    from producer.config import KEYS, PREFIX

    # Settings of AWS and of the producer that the user's shell exports are for other accounts and streams: neither this
    # process nor one that it starts may follow them.
    for name in [name for name in os.environ if name.startswith(("AWS_", PREFIX)) or name in KEYS]:
        del os.environ[name]
    main(prog_name="python -m local")
except KeyboardInterrupt:  # during start-up
    sys.exit(130)
