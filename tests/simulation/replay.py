"""An operator who replays a world's stream, and resumes from the checkpoint after a crash or an error."""

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ops.errors import ReplayError
from ops.replay.checkpoint import Checkpoint
from ops.replay.replayer import Clients, Replayer, Target
from ops.replay.shards import list_shards
from ops.terminal.times import whole_milliseconds
from stack.filters.criteria import parse_criteria
from tests.simulation import aws, scheduler
from tests.simulation.aws import BUCKET, STREAM_ARN
from tests.simulation.parts import FUNCTION
from tests.simulation.scheduler import EPOCH, Process, current

if TYPE_CHECKING:
    from tests.simulation.world import World

_PAGE_RECORDS = 5


class ReplayPart:
    """The operator; one run at a time, as the lock of the checkpoint has it.

    Attributes:
        stream: the stream that the runs read.
        file: the content of the checkpoint's file; None if there is none.
        done: the replays that came to their end; the invocations of each have `replay <index>` as their caller.
    """

    def __init__(self, world: "World") -> None:
        self._world = world
        self._process = Process("replay")
        self._process.alive = False
        self.stream = ReplayedStream(world)
        self.file: str | None = None
        self.done: list[Checkpoint] = []

    @property
    def at_rest(self) -> bool:
        """Whether no replay runs, and none is left to resume."""
        return not self._process.alive and self.file is None

    def start(self) -> None:
        """Resume the replay that did not end, or begin one of the whole stream up to now."""
        if not self._process.alive:
            self._process = Process(f"replay {len(self.done)}")
            current().spawn(self._run, self._process)

    def resume(self) -> None:
        """Resume the replay that did not end, if one exists."""
        if self.file is not None:
            self.start()

    def _run(self) -> None:
        world = self._world
        checkpoint = self._load() if self.file is not None else self._begin()
        checkpoint.save()
        run = Replayer(
            Clients(self.stream, world.function, world.bucket),  # type: ignore[arg-type]
            Target(world.events.schema, FUNCTION, "role", BUCKET, parse_criteria(world.filters)),
            checkpoint,
            retention=timedelta(days=1),
            batch_size=world.setup.batch_size,
            rate=20,
            stop=scheduler.Event(),  # type: ignore[arg-type]
        )
        try:
            run.run()
            self.done.append(checkpoint)
            self.file = None
        except (ReplayError, *aws.UNREACHED) as error:
            world.notes.append(f"{self._process.name}: {error}")
        finally:
            self._process.alive = False

    def _load(self) -> "_MemoryCheckpoint":
        assert self.file
        return _MemoryCheckpoint.from_json(Path("checkpoint"), self.file).kept_by(self)

    def _begin(self) -> "_MemoryCheckpoint":
        start, now = (datetime.fromtimestamp(EPOCH + seconds, UTC) for seconds in (0, current().now))
        shards = list_shards(self.stream, STREAM_ARN)  # type: ignore[arg-type]
        positions: dict[str, str | None] = dict.fromkeys(shards)
        checkpoint = _MemoryCheckpoint(
            Path("checkpoint"), STREAM_ARN, FUNCTION, start, whole_milliseconds(now), positions
        )
        return checkpoint.kept_by(self)


class _MemoryCheckpoint(Checkpoint):
    """A checkpoint whose file is in memory, and outlives the run that writes it."""

    def kept_by(self, keeper: ReplayPart) -> Self:
        self.keeper = keeper
        return self

    def save(self) -> None:
        self.keeper.file = self.to_json()


class ReplayedStream:
    """The stream as a replay reads it, a few records at a time.

    A shard expires for replays alone, after those that closed before it, and only once the mapping has handled its
    records: others would be lost.

    Attributes:
        expired: the shards that can no longer be read.
    """

    def __init__(self, world: "World") -> None:
        self._world = world
        self.expired: set[str] = set()

    def expire(self) -> None:
        """Let the oldest closed shard expire, if it can."""
        world = self._world
        oldest = next(shard for shard in world.kinesis.shards if shard.id not in self.expired)
        if not oldest.open and all(map(world.is_done, oldest.records)):
            self.expired.add(oldest.id)

    def list_shards(self, *, StreamARN: str) -> dict[str, Any]:  # boto3's name
        listed = self._world.kinesis.list_shards(StreamARN=StreamARN)["Shards"]
        return {"Shards": [shard for shard in listed if shard["ShardId"] not in self.expired]}

    def get_shard_iterator(self, *, ShardIteratorType: str, **request: Any) -> dict[str, Any]:
        self._check(request["ShardId"])
        if ShardIteratorType == "AT_TIMESTAMP":  # which is before every record
            del request["Timestamp"]
            ShardIteratorType = "TRIM_HORIZON"  # noqa: N806
        return self._world.kinesis.get_shard_iterator(ShardIteratorType=ShardIteratorType, **request)

    def get_records(self, *, StreamARN: str, ShardIterator: str, Limit: int) -> dict[str, Any]:
        self._check(ShardIterator.partition("/")[0])
        answer = self._world.kinesis.get_records(
            StreamARN=StreamARN, ShardIterator=ShardIterator, Limit=min(Limit, _PAGE_RECORDS)
        )
        return {**answer, "Records": [_as_written(record) for record in answer["Records"]]}

    def _check(self, shard_id: str) -> None:
        if shard_id in self.expired:
            raise aws.aws_error("ResourceNotFoundException")


def _as_written(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record as Kinesis writes it, which boto3 would decode."""
    return record | {
        "Data": base64.b64encode(record["Data"]).decode(),
        "ApproximateArrivalTimestamp": record["ApproximateArrivalTimestamp"].timestamp(),
    }
