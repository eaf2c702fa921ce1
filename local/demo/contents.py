"""Reads what a stack on local AWS holds, for the demo's checks: records, rows, quarantined objects."""

from collections.abc import Iterator

from event.item import Key
from event.payload import parse
from event.poison import PoisonError
from event.schema import Schema
from local.aws.local_aws import LocalAws


def read_payloads(aws: LocalAws, stream: str) -> Iterator[bytes]:
    """Read the payload of every record of the stream."""
    kinesis = aws.client("kinesis")
    for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
        iterator = kinesis.get_shard_iterator(
            StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while iterator:
            answer = kinesis.get_records(ShardIterator=iterator)
            yield from (record["Data"] for record in answer["Records"])
            iterator = answer["NextShardIterator"] if answer["Records"] else None


def identify(payload: bytes, event: Schema) -> Key | bytes:
    """Return the key of an event; what is no event stands for itself."""
    try:
        return event.key(event.read(parse(payload)))
    except PoisonError:
        return payload


def read_keys(aws: LocalAws, table: str, event: Schema) -> set[Key | bytes]:
    """Read the keys of all rows."""
    pages = aws.client("dynamodb").get_paginator("scan").paginate(TableName=table)
    return {event.parse_key(item) for page in pages for item in page["Items"]}


def list_quarantined(aws: LocalAws, bucket: str) -> list[str]:
    """List the keys of the quarantined objects."""
    pages = aws.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return [each["Key"] for page in pages for each in page.get("Contents", [])]


def find_partition(aws: LocalAws, table: str, event: Schema) -> str | None:
    """Return the partition key of some row; None if the table is empty."""
    items = aws.client("dynamodb").scan(TableName=table, Limit=1)["Items"]
    return event.parse_key(items[0])[0] if items else None
