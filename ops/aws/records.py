"""Reads records of a stream in the form in which a function receives them: the payload in base64.

boto3 would decode each payload and build a datetime for each record, which takes ten times the CPU of the rest, so the
client keeps the JSON form of GetRecords.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

from event.record import KinesisData

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

MAX_PAGE_RECORDS = 10_000
"""Records in one answer of GetRecords, which also has 10 MiB at most ("GetRecords")."""


class Page(NamedTuple):
    """One answer of GetRecords.

    Attributes:
        iterator: position behind it; None at the end of a closed shard.
        behind: seconds from its last record to now; 0.0 if the shard has no more.
    """

    records: list[KinesisData]
    iterator: str | None
    behind: float

    def fitting(self, size: int) -> int:
        """Return how many records as large as these have so many bytes together; at least 1."""
        return max(1, size * len(self.records) // max(1, sum(map(payload_size, self.records))))


def payload_size(record: KinesisData) -> int:
    """Return the bytes of a record's payload."""
    data = record["data"]
    return len(data) // 4 * 3 - data[-2:].count("=")


def read_page(kinesis: "KinesisClient", iterator: str, limit: int = MAX_PAGE_RECORDS, **stream: str) -> Page:
    """Read the next records of a shard.

    Args:
        limit: maximum number of records.
        stream: names the stream beside the iterator, if need be.

    Raises:
        botocore.exceptions.ClientError: the iterator has expired, other readers use up the shard, or AWS denies it.
    """
    answer: Any = kinesis.get_records(ShardIterator=iterator, Limit=limit, **stream)  # type: ignore[arg-type]
    return Page(
        [_convert(record) for record in answer["Records"]],
        answer.get("NextShardIterator"),
        answer.get("MillisBehindLatest", 0) / 1000,
    )


def _convert(record: Any) -> KinesisData:
    data: KinesisData = {
        "sequenceNumber": record["SequenceNumber"],
        "data": record["Data"],
        "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"],
    }
    if "PartitionKey" in record:  # a stream that distributes records itself may have none
        data["partitionKey"] = record["PartitionKey"]
    return data
