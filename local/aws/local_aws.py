"""Local AWS as a whole: the server, its event source mappings, and the metrics of its functions.

with LocalAws.start() as aws:
    aws.client("kinesis").create_stream(StreamName="dev-EventStream", ShardCount=1)
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from local.aws.faults import Fault
from local.aws.server import Server

if TYPE_CHECKING:
    from local.aws.mapping.poller import Poller, Progress
    from local.aws.metrics import Metrics


class LocalAws(Server):
    """A running local AWS, whose mappings and metrics run in threads of this process."""

    _poller: "Poller | None" = None
    _metrics: "Metrics | None" = None

    def mappings(self) -> "list[Progress]":
        """Return the progress of each event source mapping."""
        return self._poller.progress() if self._poller else []

    def stop(self) -> None:
        """Stop everything. Idempotent."""
        for part in (self._poller, self._metrics):
            if part:
                part.stop()
        super().stop()

    def _connect(self, faults: Iterable[Fault]) -> None:
        super()._connect(faults)
        # Imported now, because they import boto3, which `_connect` loads while the server starts.
        from local.aws.mapping.poller import Poller
        from local.aws.metrics import Metrics

        self._metrics = Metrics(self)
        self._poller = Poller(self, self._metrics)
