#!/usr/bin/env bash
# moto 5.2.5: after a reshard Kinesis' PutRecord goes on writing to the closed parent shards, and never to the children.
#
# After a reshard no record is added to a parent; what would have been goes to a child (Kinesis Data Streams Developer
# Guide, "Complete the resharding action"), and NextShardIterator is null at the end of a closed shard (API reference,
# GetRecords). moto takes the first shard of the hash key, open or not, which is the parent, and never returns null:
# a test of a consumer that follows the children sees no record, and one that reads the parent to its end never comes to
# the children. A merge also copies the old records to the child.
#
# Output seen (on AWS "after" is in a child and the iterator of a closed shard ends):
#   split shardId-000000000000 closed: before after, iterator goes on
#   split shardId-000000000001 open: nothing, iterator goes on
#   split shardId-000000000002 open: nothing, iterator goes on
#   merge shardId-000000000000 closed: before after, iterator goes on
#   merge shardId-000000000001 closed: nothing, iterator goes on
#   merge shardId-000000000002 open: before, iterator goes on
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

    def put(data):
        client.put_record(StreamName=name, Data=data, PartitionKey="key", ExplicitHashKey="1")

    for name, count in (("split", 1), ("merge", 2)):
        client.create_stream(StreamName=name, ShardCount=count)
        first, second = "shardId-000000000000", "shardId-000000000001"
        put(b"before")
        if name == "split":
            client.split_shard(StreamName=name, ShardToSplit=first, NewStartingHashKey=str(2**127))
        else:
            client.merge_shards(StreamName=name, ShardToMerge=first, AdjacentShardToMerge=second)
        put(b"after")
        for shard in client.list_shards(StreamName=name)["Shards"]:
            state = "closed" if "EndingSequenceNumber" in shard["SequenceNumberRange"] else "open"
            where = {"StreamName": name, "ShardId": shard["ShardId"]}
            iterator = client.get_shard_iterator(ShardIteratorType="TRIM_HORIZON", **where)["ShardIterator"]
            answer = client.get_records(ShardIterator=iterator)
            data = " ".join(record["Data"].decode() for record in answer["Records"]) or "nothing"
            end = "goes on" if answer.get("NextShardIterator") else "ends"
            print(f"{name} {shard['ShardId']} {state}: {data}, iterator {end}")
PYTHON
)
echo "$seen"
[ "$seen" = "split shardId-000000000000 closed: before after, iterator goes on
split shardId-000000000001 open: nothing, iterator goes on
split shardId-000000000002 open: nothing, iterator goes on
merge shardId-000000000000 closed: before after, iterator goes on
merge shardId-000000000001 closed: nothing, iterator goes on
merge shardId-000000000002 open: before, iterator goes on" ]
