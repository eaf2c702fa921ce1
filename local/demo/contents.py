"""Reads what a stack on local AWS holds, for the demo's checks: records, rows, quarantined objects."""

import json
from collections.abc import Iterator
from typing import Any

from local.aws.local_aws import LocalAws


def read_records(aws: LocalAws, stream: str) -> Iterator[dict[str, Any]]:
    """Read and decode every record of the stream."""
    kinesis = aws.client("kinesis")
    for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
        iterator = kinesis.get_shard_iterator(
            StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while iterator:
            answer = kinesis.get_records(ShardIterator=iterator)
            yield from (json.loads(record["Data"]) for record in answer["Records"])
            iterator = answer["NextShardIterator"] if answer["Records"] else None


def read_keys(aws: LocalAws, table: str) -> set[tuple[str, str]]:
    """Read the keys of all rows: username and id."""
    pages = aws.client("dynamodb").get_paginator("scan").paginate(TableName=table)
    return {(item["Username"]["S"], item["Id"]["S"]) for page in pages for item in page["Items"]}


def list_quarantined(aws: LocalAws, bucket: str) -> list[str]:
    """List the keys of the quarantined objects."""
    pages = aws.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return [each["Key"] for page in pages for each in page.get("Contents", [])]


def find_user(aws: LocalAws, table: str) -> str | None:
    """Return the user of some row; None if the table is empty."""
    items = aws.client("dynamodb").scan(TableName=table, Limit=1)["Items"]
    return items[0]["Username"]["S"] if items else None
