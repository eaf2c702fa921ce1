#!/usr/bin/env bash
# moto 5.2.5: Kinesis' PutRecord finds no shard for a record whose hash key is the last one of a shard.
#
# A shard's hash keys go from StartingHashKey to EndingHashKey (Kinesis API reference, HashKeyRange), the last included:
# the next shard starts one above it, in moto's ListShards too. moto looks a record up as if the end were excluded. A
# producer that takes a shard's EndingHashKey for its ExplicitHashKey, to reach that shard, gets an AttributeError.
#
# Output seen (the shard's own name four times on AWS):
#   shardId-000000000000 first: shardId-000000000000
#   shardId-000000000000 last: AttributeError
#   shardId-000000000001 first: shardId-000000000001
#   shardId-000000000001 last: AttributeError
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'moto[kinesis]==5.2.5' boto3==1.44.8 botocore==1.44.8

seen=$("$folder/venv/bin/python" - <<'PYTHON'
import boto3
from moto import mock_aws

with mock_aws():
    session = boto3.Session(region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    client = session.client("kinesis")
    client.create_stream(StreamName="stream", ShardCount=2)
    for shard in client.list_shards(StreamName="stream")["Shards"]:
        for title, key in (("first", "StartingHashKey"), ("last", "EndingHashKey")):
            record = {"Data": b"data", "PartitionKey": "key", "ExplicitHashKey": shard["HashKeyRange"][key]}
            try:
                result = client.put_record(StreamName="stream", **record)["ShardId"]
            except AttributeError as error:
                result = type(error).__name__
            print(f"{shard['ShardId']} {title}: {result}")
PYTHON
)
echo "$seen"
[ "$seen" = "shardId-000000000000 first: shardId-000000000000
shardId-000000000000 last: AttributeError
shardId-000000000001 first: shardId-000000000001
shardId-000000000001 last: AttributeError" ]
