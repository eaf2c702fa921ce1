"""`python -m ops`, and the installed command `stream-ops`."""

import sys

from stack.interrupts import heed_interrupts


def main(name: str = "python -m ops") -> None:
    """Run the command line; ends the process, quietly at Ctrl-C, also while this imports it."""
    try:
        heed_interrupts()
        from ops.cli import cli

        cli(prog_name=name)
    except KeyboardInterrupt:
        sys.exit(130)


def stream_ops() -> None:
    """Run the installed command, which has shell completion; ends the process."""
    main("stream-ops")


if __name__ == "__main__":
    main()
