"""A world: the services, the disk, and the parts of the project that run between them."""

from collections import deque
from collections.abc import Callable, Sequence

from ops.quarantine.bucket import Bucket as Quarantine
from ops.quarantine.lease import Leases
from ops.quarantine.redrive import Redriver
from ops.quarantine.selection import age
from stack.filters.criteria import parse_criteria
from tests.simulation import aws, history, scheduler
from tests.simulation.aws import BUCKET, STREAM, Fault
from tests.simulation.disk import Disk
from tests.simulation.events import events_of
from tests.simulation.history import Event, Setup
from tests.simulation.parts import FunctionPart, Invocation, MappingPart, ProducerPart, Run
from tests.simulation.replay import ReplayPart
from tests.simulation.scheduler import Process, current

REST_SECONDS = 600.0
"""Maximum time in which a world must come to rest after its last event."""


class World:
    """The services, the disk, and the parts that run.

    Attributes:
        events: those of its type.
        filters: those of the mapping.
        runs: of the producer.
        invocations: of the function.
        handled: when each sequence number was first handled: stored, quarantined or discarded.
        caught_up: the sequence numbers that were handled since the mapping was started last, from the beginning.
        dropped: payloads that Lambda discarded and could not write to the bucket, as its metrics show.
        notes: messages of the producer and the operators.
        errors: those that ended a part.
        excesses: violations of a limit.
        damaged: records of the spool were destroyed.
        copied: a copy of a segment was put beside it, so that old versions may be sent after newer ones.
    """

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.events = events_of(setup.event_type)
        self.filters = self.events.filters() if setup.filtered else []
        self.disk = Disk()
        self.kinesis = aws.Kinesis()
        self.table = aws.Table(self.events)
        self.bucket = aws.Bucket()
        self.function = FunctionPart(self)
        self.inbox: deque[bytes] = deque()
        self.runs: list[Run] = []
        self.invocations: list[Invocation] = []
        self.handled: dict[str, float] = {}
        self.caught_up: set[str] = set()
        self.dropped: set[bytes] = set()
        self.foreign: list[bytes] = []
        self.notes: list[str] = []
        self.errors: list[str] = []
        self.excesses: list[str] = []
        self.damaged = False
        self.copied = False
        self.ending = False
        self.mapping = MappingPart(self)
        self.producer = ProducerPart(self)
        self.operators = 0
        self.replay = ReplayPart(self)

    def live(self, events: Sequence[Event]) -> None:
        """Let the events happen, end every fault, and come to rest."""
        self.mapping.start()
        self.producer.start()
        for event in events:
            current().park(event.at - current().now)
            self._happen(event)
        current().park(max(0.0, history.HORIZON - current().now))
        self._end_faults()
        deadline = current().now + REST_SECONDS
        while current().now < deadline and not self.at_rest:
            for name in [name for name in self.disk.files if name.endswith(".corrupt")]:
                del self.disk.files[name]  # the user has looked at them
            self.replay.resume()
            current().park(1.0)
        self.mapping.stop()

    @property
    def at_rest(self) -> bool:
        """Whether the producer and the last replay have ended, and every record of the stream was handled."""
        return self.producer.ended and self.replay.at_rest and all(map(self.is_done, self.kinesis.records))

    def delivers(self, data: bytes, partition_key: str) -> bool:
        """Tell whether the mapping must deliver a record: one that its filters drop is done."""
        return not self.setup.filtered or self.events.passes_filters(data, partition_key)

    def is_done(self, record: aws.StoredRecord) -> bool:
        """Tell whether a record was handled since the mapping was started last, or its filters drop it."""
        return record.sequence_number in self.caught_up or not self.delivers(record.data, record.key)

    def note_handled(self, sequence_number: str) -> None:
        """Note that a record was stored, quarantined or discarded."""
        self.handled.setdefault(sequence_number, current().now)
        self.caught_up.add(sequence_number)

    def _end_faults(self) -> None:
        self.ending = True
        for service in (self.kinesis, self.table, self.bucket, self.function):
            service.faults.clear()
            service.crash = None
        self.disk.crash = None
        self.mapping.change(enabled=True, lanes=1)

    def _happen(self, event: Event) -> None:
        match event:
            case history.Arrival():
                self.inbox.append(
                    self.events.encode(event.partition, event.number, event.version, event.padding)
                )
            case history.Deletion():
                self.inbox.append(self.events.encode_deletion(event.partition, event.number))
            case history.Foreign():
                self.foreign.append(event.token.encode())
                record = {"Data": event.token.encode(), "PartitionKey": event.token}
                self.start("foreign", lambda: self.kinesis.put_records(StreamName=STREAM, Records=[record]))
            case history.AwsFault():
                service: aws.Service = getattr(self, event.service)
                key = event.key and self.events.partition_key(event.key)
                service.faults.append(Fault(event.kind, event.calls, event.share, key))
            case history.Crash():
                self._crash(event)
            case history.FullDisk():
                self.disk.capacity = self.disk.used + event.room
            case history.Reshard():
                self.kinesis.reshard()
            case history.MappingChange():
                self.mapping.change(enabled=event.enabled, lanes=event.lanes)
            case history.Redrive():
                self.operators += 1
                self.start(f"operator {self.operators}", self._redrive)
            case history.Replay():
                self.replay.start()
            case history.Expiry():
                self.replay.stream.expire()

    def start(self, name: str, work: Callable[[], object]) -> None:
        """Start a process whose calls may fail, which then ends."""

        def guarded() -> None:
            try:
                work()
            except (OSError, *aws.UNREACHED) as error:
                self.notes.append(f"{name}: {error}")

        current().spawn(guarded, Process(name))

    def _redrive(self) -> None:
        quarantine = Quarantine(self.bucket, BUCKET)  # type: ignore[arg-type]
        run = Redriver(
            quarantine,
            Leases(self.bucket, BUCKET, now=lambda: current().now),  # type: ignore[arg-type]
            self.kinesis,  # type: ignore[arg-type]
            {"StreamName": STREAM},
            filters=parse_criteria(self.filters),
            rate=100,
            max_redrives=1,
            stop=scheduler.Event(),  # type: ignore[arg-type]
            notify=self.notes.append,
        )
        run.run(sorted(quarantine.entries(), key=age))

    def _crash(self, event: history.Crash) -> None:
        match event.part:
            case "producer on the network":
                self.producer.crash_in_call(event)
            case "producer at the disk":
                self.producer.crash_at_disk(event)
            case "function":
                self.table.crash = "function", event.after
            case "mapping":
                self.mapping.crash(event)
            case "operator":
                self.bucket.crash = "operator", event.after
            case "replay":
                self.function.crash = "replay", event.after
