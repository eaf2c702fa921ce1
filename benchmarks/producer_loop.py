"""The bare loop to compare the producer with: read, convert, `put_records`; no retry, no spool."""

import json
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import boto3

tweets, url = sys.argv[1:]
kinesis = boto3.client(
    "kinesis",
    region_name="eu-west-1",
    endpoint_url=url,
    aws_access_key_id="AKIAEXAMPLE",
    aws_secret_access_key="secret",  # noqa: S106  -- the stub's
)


def record(tweet: dict[str, Any]) -> dict[str, Any]:
    """Convert a tweet as the producer does, as far as these tweets need it."""
    data, users = tweet["data"], {user["id"]: user["username"] for user in tweet["includes"]["users"]}
    return {
        "username": users[data["author_id"]],
        "id": data["id"],
        "created_at": data["created_at"],
        "text": data["text"],
        "lang": data["lang"],
        "source": "file",
    }


with Path(tweets).open(encoding="utf-8") as lines:
    while batch := [record(json.loads(line)) for line in islice(lines, 500)]:
        answer = kinesis.put_records(
            StreamName="tweets",
            Records=[{"Data": json.dumps(item).encode(), "PartitionKey": item["username"]} for item in batch],
        )
        assert not answer["FailedRecordCount"]
