#!/usr/bin/env bash
# moto 5.2.5: a dry run of Kinesis' PutRecord succeeds and writes the record.
#
# boto3 1.44's model of PutRecord says of `DryRun`: "Checks if your request will succeed"; the answer is an error, of
# which DryRunOperationException says that the request "was rejected because the DryRun parameter was specified". moto
# takes the parameter, answers as if it were not there and stores the record: a test of code that probes its permissions
# takes the wrong branch, and then reads a record that nobody sent.
#
# Output seen: answered with a sequence number, 1 record in the stream
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
    assert "DryRunOperationException" in dir(client.exceptions)
    client.create_stream(StreamName="stream", ShardCount=1)
    try:
        client.put_record(StreamName="stream", PartitionKey="key", Data=b"data", DryRun=True)
        answer = "answered with a sequence number"
    except client.exceptions.ClientError as error:
        answer = f"refused with {error.response['Error']['Code']}"
    (shard,) = client.list_shards(StreamName="stream")["Shards"]
    iterator = client.get_shard_iterator(
        StreamName="stream", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    print(f"{answer}, {len(client.get_records(ShardIterator=iterator)['Records'])} record in the stream")
PYTHON
)
echo "$seen"
[ "$seen" = "answered with a sequence number, 1 record in the stream" ]
