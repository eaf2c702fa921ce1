#!/usr/bin/env bash
# moto 5.2.5: Kinesis' DeregisterStreamConsumer, called with a consumer's name, deregisters all the others.
#
# A consumer is given by its ARN, or by the stream's ARN and its own name (Kinesis API reference,
# DeregisterStreamConsumer). With a name moto keeps what has that name and drops the rest. A test that cleans up one of
# a stream's consumers leaves it in place and takes the others away; a lone consumer stays. With the ARN it works.
#
# Output seen (on AWS "one three" and "one three"):
#   by name: two
#   by ARN: one three
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
    for title in ("by name", "by ARN"):
        client.create_stream(StreamName=title[3:], ShardCount=1)
        arn = client.describe_stream_summary(StreamName=title[3:])["StreamDescriptionSummary"]["StreamARN"]
        arns = {
            name: client.register_stream_consumer(StreamARN=arn, ConsumerName=name)["Consumer"]["ConsumerARN"]
            for name in ("one", "two", "three")
        }
        if title == "by name":
            client.deregister_stream_consumer(StreamARN=arn, ConsumerName="two")
        else:
            client.deregister_stream_consumer(ConsumerARN=arns["two"])
        consumers = client.list_stream_consumers(StreamARN=arn)["Consumers"]
        print(f"{title}:", *(consumer["ConsumerName"] for consumer in consumers))
PYTHON
)
echo "$seen"
[ "$seen" = "by name: two
by ARN: one three" ]
