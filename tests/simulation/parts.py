"""The parts of the project as a world runs them: producer, mapping and function, each a process that can be killed."""

import base64
import io
import json
import sys
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from local.aws.mapping.poller import Poller
from producer.config import AwsCredentials
from producer.publish.publisher import Publisher
from producer.run import shortfalls
from producer.spooling.cursor import Cursor, from_line, split_lines
from producer.spooling.spool import Spool
from tests.simulation import aws, history
from tests.simulation.aws import BUCKET, STREAM, STREAM_ARN
from tests.simulation.disk import SimulatedFolder
from tests.simulation.scheduler import Process, current

if TYPE_CHECKING:
    from tests.simulation.world import World

FUNCTION = "dev-DDBEventProcessor"
FUNCTION_SECONDS = 10
MAX_PUT_RECORDS = 10
MAX_HELD_RECORDS = 30
MAX_CURSOR_BYTES = 500
_DELIVERY_ATTEMPTS = 4
"""Those of the client with which the mapping writes to the bucket."""


@dataclass(frozen=True)
class Invocation:
    """An invocation: the sequence numbers that it got, and the index of the first that failed, if any.

    Attributes:
        caller: the name of the process that made it.
        timed_out: it did not report before Lambda ended it.
    """

    caller: str
    at: float
    numbers: tuple[str, ...]
    failed: int | None
    timed_out: bool


@dataclass
class Run:
    """A run of the producer, from its start to its end or its crash."""

    spool: Spool
    publisher: Publisher
    taken: list[bytes] = field(default_factory=list)
    """Records passed to the spool; the first `spool.appended` of them count as received."""
    closed: bool = False
    cut: int = 0
    """Records that waited, and were cut from its spool before it began."""
    shortfalls: list[str] = field(default_factory=list)
    """Its messages at the end about records that were not sent."""

    @property
    def received(self) -> list[bytes]:
        return self.taken[: self.spool.appended]


class ProducerPart:
    """The producer's threads as `producer.run` starts them, again after each crash."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._process = Process("producer")
        self._crash: history.Crash | None = None
        self._cut: set[int] = set()
        self.ended = False

    def start(self) -> None:
        current().spawn(self._supervise, Process("supervisor"))

    def crash_at_disk(self, event: history.Crash) -> None:
        self._world.disk.crash = event.after, event.share
        self._crash = event

    def crash_in_call(self, event: history.Crash) -> None:
        self._world.kinesis.crash = "producer", event.after
        self._crash = event

    def _supervise(self) -> None:
        """Start the producer again after each crash, as a service manager does."""
        while not self.ended:
            self._process = Process("producer")
            run = current().spawn(self._run, self._process)
            while self._process.alive and not run.done:
                current().join(run, 0.5)
            if self._process.alive and not self.ended:
                return  # it ended with an error
            if self._crash:
                current().park(self._crash.restart)
                if self._crash.damage:
                    self._damage(self._crash.damage)
                self._crash = None

    def _damage(self, kind: history.Damage) -> None:
        world, chance = self._world, current().chance
        if kind == "cursor":
            self._damage_cursor(chance.choice(("cursor.json", "cursor.copy.json")))
        segments = [
            content for name, content in world.disk.files.items() if name.endswith(".log") and content
        ]
        if kind == "segment" and segments:
            content = chance.choice(segments)
            world.damaged = True
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(7)
        if kind == "cut":
            self._cut_segment()
        if kind == "copy":
            self._copy_segment()

    def _cut_segment(self) -> None:
        """Truncate a segment before the end that the cursor knows, and note the waiting records that are lost."""
        files, chance = self._world.disk.files, current().chance
        try:
            cursor = Cursor.parse(bytes(files["cursor.json"]))
            base, size, _ = chance.choice(cursor.segments)
        except (KeyError, ValueError, IndexError):
            return
        content = files.get(f"{base:020d}.log")
        if content is None:  # of a full disk, which kept the old cursor
            return
        cut, position = base + chance.randrange(size), base
        for line in split_lines(bytes(content[:size])):
            # What was damaged before was counted by the run that found it.
            waits = from_line(line) and (position >= cursor.taken or position in cursor.waiting)
            position += len(line)
            if waits and position > cut:
                self._cut.add(position)
        del content[cut - base :]
        self._world.damaged = True

    def _copy_segment(self) -> None:
        """Put a copy of a segment beside it, which begins within it."""
        files, chance = self._world.disk.files, current().chance
        segments = [name for name, content in files.items() if name.endswith(".log") and len(content) > 1]
        if segments:
            name = chance.choice(segments)
            base = int(name.removesuffix(".log")) + chance.randrange(1, len(files[name]))
            files.setdefault(f"{base:020d}.log", bytearray(files[name]))
            self._world.copied = True

    def _damage_cursor(self, name: str) -> None:
        content, chance = self._world.disk.files.get(name), current().chance
        if not content:
            return
        if chance.random() < 0.5:
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(7)
        else:
            wrong = b'00000000 {"taken":99999999999,"waiting":[],"segments":[],"source":null}\n'
            self._world.disk.files[name] = bytearray(wrong)

    def _run(self) -> None:
        world, process = self._world, current().process
        folder = SimulatedFolder(world.disk, process)
        spool = Spool(folder, world.events.format, world.setup.spool_limit, world.notes.append)
        credentials = AwsCredentials(
            access_key="key", secret_access_key="secret", region="us-east-1", stream_name=STREAM
        )
        publisher = Publisher(spool, world.kinesis, credentials, 0.05, world.notes.append)  # type: ignore[arg-type]
        run = Run(spool, publisher, cut=len(self._cut))
        self._cut.clear()
        world.runs.append(run)
        reading = current().spawn(lambda: self._read(run), process)
        publishing = current().spawn(publisher.run, process)
        synced = current().now
        while not reading.done:
            current().join(reading, 0.25)
            spool.flush()
            self._check_limits(publisher)
            if current().now - synced >= 1:
                spool.sync()
                synced = current().now
        spool.finish_source(None)
        publisher.finish(None)
        while not publishing.done:
            current().join(publishing, 0.25)
            spool.flush()
            self._check_limits(publisher)
        spool.close()
        run.shortfalls = shortfalls(spool)
        run.closed = self.ended = True

    def _check_limits(self, publisher: Publisher) -> None:
        world = self._world
        if publisher.held > MAX_HELD_RECORDS + MAX_PUT_RECORDS:
            world.excesses.append(f"{publisher.held} records are held in memory")
        if (cursor := len(world.disk.files.get("cursor.json", b""))) > MAX_CURSOR_BYTES:
            world.excesses.append(f"the cursor has {cursor} bytes")

    def _read(self, run: Run) -> None:
        world = self._world
        while not (world.ending and not world.inbox):
            if world.inbox:
                record = world.events.to_record(world.inbox.popleft())
                run.taken.append(record.data)
                run.spool.append(record)
            else:
                current().park(0.1)


class MappingPart:
    """The poller of event source mappings, with one mapping; a crash loses its memory."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._process = Process("mapping")
        self._poller: Poller | None = None
        self.enabled = True
        self.lanes = 1
        self.downtime: list[tuple[float, float]] = []
        self._down_since: float | None = None

    def start(self) -> None:
        self._process = Process("mapping")
        self._world.caught_up.clear()
        server = SimulatedServer(self._world, self)
        metrics = SimpleNamespace(add=lambda *_: None)
        current().spawn(lambda: self._start(server, metrics), self._process)
        self._note_downtime()

    def _start(self, server: Any, metrics: Any) -> None:
        self._poller = Poller(server, metrics)

    def stop(self) -> None:
        self._process.alive = False

    def change(self, *, enabled: bool, lanes: int) -> None:
        self.enabled, self.lanes = enabled, lanes
        self._note_downtime()

    def crash(self, event: history.Crash) -> None:
        if not self._process.alive:
            return
        self._process.alive = False
        self._note_downtime()

        def restart() -> None:
            # Late writes of an invocation that nobody waits for may break the order (docs/guarantees.md).
            current().park(max(event.restart, FUNCTION_SECONDS))
            self.start()

        current().spawn(restart, Process("supervisor"))

    def _note_downtime(self) -> None:
        """Keep the extents of time in which no mapping runs."""
        runs = self.enabled and self._process.alive
        if not runs and self._down_since is None:
            self._down_since = current().now
        elif runs and self._down_since is not None:
            self.downtime.append((self._down_since, current().now))
            self._down_since = None

    def description(self) -> dict[str, Any]:
        """The mapping, as the Lambda API describes it."""
        setup = self._world.setup
        return {
            "UUID": "00000000-0000-0000-0000-000000000001",
            "EventSourceArn": STREAM_ARN,
            "FunctionArn": f"arn:aws:lambda:us-east-1:000000000000:function:{FUNCTION}",
            "State": "Enabled" if self.enabled else "Disabled",
            "StartingPosition": "TRIM_HORIZON",
            "BatchSize": setup.batch_size,
            "MaximumBatchingWindowInSeconds": setup.batching_window,
            "ParallelizationFactor": self.lanes,
            "BisectBatchOnFunctionError": setup.bisect,
            "MaximumRetryAttempts": setup.maximum_retries,
            "MaximumRecordAgeInSeconds": setup.maximum_age,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "DestinationConfig": {"OnFailure": {"Destination": f"arn:aws:s3:::{BUCKET}"}},
            "FilterCriteria": {"Filters": [{"Pattern": pattern} for pattern in self._world.filters]},
        }


class FunctionPart(aws.Service):
    """Lambda: runs the real handler in a process of its own for each invocation."""

    def __init__(self, world: "World") -> None:
        super().__init__()
        self._world = world

    def invoke(self, *, FunctionName: str, Payload: bytes, **_: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.call(lambda _: self._invoke(json.loads(Payload)))
        return answer

    def _invoke(self, event: dict[str, Any]) -> dict[str, Any]:
        process, caller = Process("function"), current().process.name
        responses: list[dict[str, Any]] = []
        ends = current().now + FUNCTION_SECONDS
        context = SimpleNamespace(
            function_name=FUNCTION, get_remaining_time_in_millis=lambda: (ends - current().now) * 1000
        )
        errors: list[Exception] = []

        def work() -> None:
            try:
                responses.append(sys.modules["handler.app"].lambda_handler(event, context))
            except Exception as error:  # noqa: BLE001  -- as Lambda: an error of the function
                errors.append(error)

        task = current().spawn(work, process)
        while not task.done and process.alive and current().now < ends:
            current().join(task, min(0.05, ends - current().now))
        timed_out = process.alive and not task.done
        process.alive = False
        numbers = [record["kinesis"]["sequenceNumber"] for record in event["Records"]]
        failed: int | None = 0
        if responses:
            reported = [failure["itemIdentifier"] for failure in responses[0]["batchItemFailures"]]
            failed = min(map(numbers.index, reported), default=None)
        self._world.invocations.append(Invocation(caller, current().now, tuple(numbers), failed, timed_out))
        for number in numbers[:failed] if caller == "mapping" else ():
            self._world.note_handled(number)
        body = json.dumps(responses[0] if responses else {"errorMessage": str(errors or "killed")}).encode()
        answer = {"Payload": io.BytesIO(body), "ResponseMetadata": {"RequestId": "request"}}
        return answer if responses else {**answer, "FunctionError": "Unhandled"}


class SimulatedServer:
    """The part of `local.aws.server.Server` that the poller uses: clients, and the destination's bucket."""

    def __init__(self, world: "World", mapping: MappingPart) -> None:
        self._world = world
        self._mapping = mapping

    def client(self, service: str, **_: Any) -> Any:
        assert service == "lambda"
        pages = SimpleNamespace(
            build_full_result=lambda: {"EventSourceMappings": [self._mapping.description()]}
        )
        return SimpleNamespace(
            get_paginator=lambda _: SimpleNamespace(paginate=lambda: pages),
            get_function_configuration=lambda **_: {"FunctionName": FUNCTION, "Role": "role"},
            invoke=self._world.function.invoke,
        )

    def role_client(self, service: str, _function: str, **_: Any) -> Any:
        if service == "kinesis":
            return self._world.kinesis
        return SimpleNamespace(head_bucket=lambda **_: None, put_object=self._discard)

    def _discard(self, **request: Any) -> Any:
        records = json.loads(json.loads(request["Body"])["payload"])["Records"]
        try:
            for left in reversed(range(_DELIVERY_ATTEMPTS)):
                try:
                    return self._world.bucket.put_object(**request)
                except aws.UNREACHED:
                    if not left:
                        raise
        except aws.UNREACHED:
            self._world.dropped.update(base64.b64decode(record["kinesis"]["data"]) for record in records)
            raise
        finally:
            for record in records:
                self._world.note_handled(record["kinesis"]["sequenceNumber"])

    def request(self, *_: object) -> None:
        pass
