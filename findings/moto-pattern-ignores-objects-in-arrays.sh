#!/usr/bin/env bash
# moto 5.2.5: no event pattern matches a member of an object that is in an array.
#
# AWS's matcher, event-ruler 2.1.0, looks into arrays of objects: a pattern for `references.kind` matches if an element has
# that kind ("Arrays in EventBridge event patterns"). moto flattens objects only, takes the array for a value, and
# drops the event: a rule's target is never called in a test, and is on AWS.
#
# Output seen (True twice on AWS):
#   {"kind":"quote"}: True
#   [{"kind":"quote"}]: False
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'moto[events,sqs]==5.2.5' boto3==1.44.8 botocore==1.44.8

seen=$("$folder/venv/bin/python" - <<'PYTHON'
import json

import boto3
from moto import mock_aws

with mock_aws():
    session = boto3.Session(region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    events, sqs = session.client("events"), session.client("sqs")
    url = sqs.create_queue(QueueName="queue")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"detail": {"references": {"kind": ["quote"]}}}
    events.put_rule(Name="quotes", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="quotes", Targets=[{"Id": "queue", "Arn": arn}])
    for references in ({"kind": "quote"}, [{"kind": "quote"}]):
        detail = json.dumps({"references": references})
        events.put_events(Entries=[{"Source": "source", "DetailType": "post", "Detail": detail}])
        delivered = "Messages" in sqs.receive_message(QueueUrl=url)
        print(f"{json.dumps(references, separators=(',', ':'))}: {delivered}")
PYTHON
)
echo "$seen"
[ "$seen" = '{"kind":"quote"}: True
[{"kind":"quote"}]: False' ]
