"""Follows the account's mappings and the shards of their streams, with one reader per shard."""

import contextlib
import logging
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.aws.mapping.decisions import MappingSettings, readable, starting_point
from local.aws.mapping.shard import ShardReader, Source
from local.aws.metrics import Metrics
from local.aws.server import Server
from local.errors import LocalAwsError

_MAPPINGS_INTERVAL = 0.2
_SHARDS_INTERVAL = 1.0
_FUNCTION_TIMEOUT = 900
_MAX_INVOCATIONS = 50  # at once, of all mappings
_ONE_ATTEMPT: dict[str, Any] = {"retries": {"total_max_attempts": 1}}  # the loop tries again

log = logging.getLogger("local.aws.mapping")


@dataclass
class _Mapping:
    settings: MappingSettings
    first_seen: float
    result: str = "No records processed"
    reported: str = "No records processed"
    readers: dict[str, ShardReader] = field(default_factory=dict)
    kinesis: Any = None  # with the role's credentials
    stream_created: Any = None
    next_look: float = 0.0
    delivered_before: int = 0  # by readers that were dropped

    def set_result(self, result: str) -> None:
        self.result = result


@dataclass(frozen=True)
class Progress:
    """Progress of a mapping.

    Attributes:
        uuid: the mapping.
        enabled: whether it runs.
        stream_arn: where it reads.
        from_oldest: whether it reads from the oldest record on, and not from its creation.
        delivered: records handled since the start.
        lag: age in seconds of the oldest record that was read and not handled.
        result: Lambda's "last processing result".
    """

    uuid: str
    enabled: bool
    stream_arn: str
    from_oldest: bool
    delivered: int
    lag: float
    result: str


class Poller:
    """Runs the account's Kinesis mappings in threads of this process until it is stopped."""

    def __init__(self, aws: Server, metrics: Metrics) -> None:
        self._aws = aws
        self._metrics = metrics
        self._lambda = aws.client(
            "lambda",
            read_timeout=_FUNCTION_TIMEOUT,
            max_pool_connections=_MAX_INVOCATIONS,
            **_ONE_ATTEMPT,
        )
        self._mappings: dict[str, _Mapping] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="event source mappings", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop every reader. What they hold in memory is lost."""
        self._stopping.set()
        self._thread.join()
        for mapping in self._mappings.values():
            for reader in mapping.readers.values():
                reader.stop()
        for mapping in self._mappings.values():
            self._drop_readers(mapping)

    def progress(self) -> list[Progress]:
        """Return the progress of each mapping."""
        return [
            Progress(
                uuid,
                mapping.settings.enabled,
                mapping.settings.stream_arn,
                mapping.settings.starting_position == "TRIM_HORIZON",
                mapping.delivered_before + sum(reader.delivered for reader in mapping.readers.values()),
                max((reader.lag for reader in mapping.readers.values()), default=0.0),
                mapping.result,
            )
            for uuid, mapping in self._mappings.copy().items()
        ]

    def _run(self) -> None:
        while not self._stopping.wait(_MAPPINGS_INTERVAL):
            try:
                self._follow_mappings()
            except (ClientError, BotoCoreError, LocalAwsError) as error:
                log.warning("cannot follow the mappings: %s", error)

    def _follow_mappings(self) -> None:
        listed = self._lambda.get_paginator("list_event_source_mappings").paginate().build_full_result()
        current = {
            mapping["UUID"]: MappingSettings.of(mapping)
            for mapping in listed["EventSourceMappings"]
            if ":kinesis:" in mapping["EventSourceArn"]
        }
        for uuid in self._mappings.keys() - current.keys():
            self._drop_readers(self._mappings.pop(uuid))
        for uuid, settings in current.items():
            mapping = self._mappings.setdefault(uuid, _Mapping(settings, time.time()))
            mapping.settings = settings
            for reader in mapping.readers.values():
                reader.settings = settings
            try:
                self._follow_shards(mapping)
            except (ClientError, BotoCoreError, LookupError) as error:
                mapping.kinesis = None  # the role may have changed
                mapping.result = f"PROBLEM: {error}"
            self._report(mapping)

    def _follow_shards(self, mapping: _Mapping) -> None:
        settings = mapping.settings
        if not settings.enabled or time.monotonic() < mapping.next_look:
            return
        mapping.next_look = time.monotonic() + _SHARDS_INTERVAL
        function = self._lambda.get_function_configuration(FunctionName=settings.function_arn)
        if mapping.kinesis is None:
            mapping.kinesis = self._aws.role_client("kinesis", function["FunctionName"], **_ONE_ATTEMPT)
        kinesis = mapping.kinesis
        try:
            summary = kinesis.describe_stream_summary(StreamARN=settings.stream_arn)
            shards = kinesis.list_shards(StreamARN=settings.stream_arn)["Shards"]
        except kinesis.exceptions.ResourceNotFoundException:
            self._drop_readers(mapping)
            raise
        created = summary["StreamDescriptionSummary"]["StreamCreationTimestamp"]
        if mapping.stream_created != created or any(
            reader.stream_deleted for reader in mapping.readers.values()
        ):
            self._drop_readers(mapping)  # they read an earlier stream of that name
        mapping.stream_created = created
        source = Source(self._aws, self._metrics, self._lambda, function["Role"], mapping.set_result)
        start = starting_point(settings, mapping.first_seen)
        finished = {shard for shard, reader in mapping.readers.items() if reader.finished}
        for shard in readable(shards, mapping.readers, finished):
            mapping.readers[shard] = ShardReader(source, settings, shard, start)

    def _drop_readers(self, mapping: _Mapping) -> None:
        for reader in mapping.readers.values():
            reader.stop()
            reader.join()
            mapping.delivered_before += reader.delivered
        mapping.readers.clear()

    def _report(self, mapping: _Mapping) -> None:
        if mapping.result != mapping.reported:
            state = {"LastProcessingResult": mapping.result}
            mapping.reported = mapping.result
            with contextlib.suppress(LookupError):  # deleted meanwhile
                self._aws.request("PUT", f"/_local/mappings/{mapping.settings.uuid}", state)
