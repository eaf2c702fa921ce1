"""`python -m producer`, and the installed command `twitter2kinesis`."""

import sys

from stack.interrupts import heed_interrupts


def main(name: str = "python -m producer") -> None:
    """Run the command line; ends the process, quietly at Ctrl-C, also while this imports it."""
    try:
        heed_interrupts()
        from producer.cli import main as run

        run(name)
    except KeyboardInterrupt:  # nothing was read yet
        sys.exit(130)


def twitter2kinesis() -> None:
    """Run the installed command, which has shell completion; ends the process."""
    main("twitter2kinesis")


if __name__ == "__main__":
    main()
