"""Sends events from an application, with the command line's spool, order, retries and summary.

with open_producer(config) as producer:
    producer.put({"customer_id": "c-17", "order_id": "o-2001", "total": Decimal("19.90")})
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Self

from event.poison import PoisonError
from producer.config import DEFAULT_PATH, Config
from producer.errors import EventError, ProducerError, SpoolError
from producer.formats import load_format
from producer.publish.client import connect
from producer.publish.publisher import Publisher
from producer.run import FLUSH_SECONDS, SYNC_SECONDS, Summary, shortfalls, summarize
from producer.sources.source import Rejected
from producer.spooling.directory import choose_directory
from producer.spooling.entry import StreamRecord
from producer.spooling.folder import Folder
from producer.spooling.spool import DEFAULT_LIMIT, Spool

_log = logging.getLogger("producer")


def open_producer(
    config: Config | Mapping[str, object],
    *,
    spool: Path | None = None,
    spool_limit: int = DEFAULT_LIMIT,
    linger: float = 0.2,
) -> "Producer":
    """Open the spool of the configuration's stream and event type, and start to send what an earlier run left in it.

    Messages for people go to the logger `producer`.

    Args:
        config: the command line's configuration, or a mapping with the members of its file.
        spool: the folder for spools; by default `spool/` beside the configuration's file, or for a mapping, beside
            the command line's own.
        spool_limit: size of the spool in bytes at which `put` waits.
        linger: how long to wait to fill a batch, in seconds.

    Raises:
        ConfigError: the configuration is invalid, or its event type is.
        SpoolError: the spool cannot be used, or another producer uses it.
    """
    if not isinstance(config, Config):
        config = Config("the mapping", config, {})
    parent = spool or (config.path if isinstance(config.path, Path) else DEFAULT_PATH).parent / "spool"
    aws = config.aws()
    event_format = load_format(config.event_type, config.max_record_bytes)
    client = connect(aws, _log.info)
    directory = choose_directory(parent, aws, config.event_type, _log.warning)
    opened = Spool(Folder(directory), event_format, spool_limit, _log.warning)
    return Producer(opened, Publisher(opened, client, aws, linger, _log.warning))


class Producer:
    """A producer that an application fills, until the end of its `with` statement.

    That end sends what is queued, for as long as it takes. If an exception causes it, it sends for ten seconds; the
    spool keeps the rest, and the next run sends it, be it an application's or the command line's.
    """

    def __init__(self, spool: Spool, publisher: Publisher) -> None:
        self._spool = spool
        self._publisher = publisher
        self._started = time.monotonic()
        self._appending = threading.Lock()  # a spool has one appending thread
        self._counting = threading.Lock()
        self._rejected = self._deletions = 0
        self._closing = False
        self._closed = threading.Event()
        self._failure: Exception | None = None
        self._final: Summary | None = None
        self._publishing = self._start(publisher.run)
        self._start(self._sync)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._end(FLUSH_SECONDS)

    @property
    def summary(self) -> Summary:
        """The numbers so far; after `close`, the exact ones. Events for which `put` raised are rejected."""
        return self._final or summarize(
            self._spool, self._publisher, self._rejected, self._started, self._deletions
        )

    def put(self, event: Mapping[str, object] | bytes) -> None:
        """Queue an event; may be called from several threads. Events of one partition key are sent in this order.

        It returns once the event is in the spool's file, and waits while the spool is full. The event is in the
        kernel's page cache then, so `kill -9` does not lose it; the disk itself has it within a second, as on the
        command line, so a power failure may lose the last second's.

        Args:
            event: JSON in UTF-8, or a mapping of what JSON has, where a `Decimal` is a number with all of its digits.

        Raises:
            EventError: the event is invalid. It is not kept; the message names the reason.
            PublishError: AWS denies every call. The events that are queued stay in the spool.
            SpoolError: the spool cannot be used.
            ProducerError: the producer is closed.
        """
        record = self._encode(event)
        with self._appending:
            if self._closing:
                raise ProducerError(
                    "The producer is closed: put events before the end of its `with` statement."
                )
            if self._failure:
                raise self._failure
            appended = self._spool.appended
            self._spool.append(record, self._spool.source, at_once=True)
            if self._spool.appended == appended:
                raise self._failure or SpoolError(f"The event is not queued: {self._spool.blocked}.")
            self._deletions += record.deletes

    def close(self) -> None:
        """Send what is queued, for as long as it takes, and unlock the spool.

        Raises:
            PublishError: AWS denies every call. The events that are queued stay in the spool.
            SpoolError: the spool cannot be used.
        """
        self._end(None)
        if self._failure:
            raise self._failure

    def _end(self, timeout: float | None) -> None:
        if self._closed.is_set():
            return
        self._closing = True
        if timeout is not None:
            self._spool.stop()  # whoever waits for room in the spool
        with self._appending:  # until the last event is in the spool
            self._publisher.finish(timeout)
        try:
            self._publishing.join()
        finally:  # Ctrl-C ends at once, too
            self._publisher.finish(0)
            self._closed.set()
            self._spool.close()
            self._final = self.summary
            _log.info("%s", self._final)
            for message in shortfalls(self._spool):
                _log.warning("%s", message)

    def _encode(self, event: Mapping[str, object] | bytes) -> StreamRecord:
        try:
            line = event if isinstance(event, bytes) else _to_json(event).encode()
            record = self._spool.format.decode(line).encode()
            if isinstance(record, Rejected):
                raise ValueError(record.reason)
            assert record is not None  # only what is no event by itself may name no row
        except (PoisonError, ValueError, TypeError, RecursionError) as error:
            with self._counting:
                self._rejected += 1
            raise EventError(f"The {self._spool.format.schema.noun} is invalid: {error}.") from error
        return record

    def _start(self, work: Callable[[], None]) -> threading.Thread:
        # A daemon, because an application that does not close its producer must be able to end.
        thread = threading.Thread(target=lambda: self._run(work), daemon=True)
        thread.start()
        return thread

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001  -- raised again by `put` and `close`
            self._failure = error
            self._spool.stop()  # whoever waits for room in the spool
            self._publisher.finish(0)

    def _sync(self) -> None:
        while not self._closed.wait(SYNC_SECONDS):
            self._spool.sync()


def _to_json(value: object) -> str:
    """Encode a value as JSON; unlike the standard library's encoder, with all digits of a `Decimal`.

    NaN and infinity become what no reader accepts as JSON.

    Raises:
        TypeError: JSON has no such value.
    """
    match value:
        case Mapping():
            return (
                "{" + ",".join([f"{_to_name(name)}:{_to_json(each)}" for name, each in value.items()]) + "}"
            )
        case list() | tuple():
            return "[" + ",".join(map(_to_json, value)) + "]"
        case Decimal():
            return str(value)
    return json.dumps(value, ensure_ascii=False)


def _to_name(name: object) -> str:
    if not isinstance(name, str):
        raise TypeError(f"the member {name!r}: a name is a string")
    return json.dumps(name, ensure_ascii=False)
