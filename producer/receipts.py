"""Receipts for a feeder of standard input: the number of its lines that are safe."""

import os

from producer.errors import OutputError
from producer.spooling.cursor import Position


class Receipts:
    """Receipts on standard output: the number of lines that are in the spool or rejected, one number per line.

    However the producer ends, a feeder that resumes after the line of the last number loses none.
    """

    def __init__(self) -> None:
        self._lines = 0

    def write(self, position: Position | None) -> None:
        """Write the number of lines if it has grown.

        Raises:
            OutputError: standard output cannot be written.
        """
        if position is None or position[1] <= self._lines:
            return
        self._lines = position[1]
        try:
            os.write(1, b"%d\n" % self._lines)
        except OSError as error:
            raise OutputError(f"Standard output cannot be written: {error.strerror}.") from error
