#!/usr/bin/env bash
# moto 5.2.5: boto3's paginator of Kinesis' ListStreams ends after ten streams, whatever there are.
#
# A page has up to 100 streams unless the call says less (Kinesis API reference, ListStreams), and boto3's paginator
# follows HasMoreStreams and NextToken. moto gives ten, says that there are more, and has no token: the paginator takes
# that for the end. StreamSummaries, which is of the same streams as StreamNames, has all of them on each page.
#
# Output seen (13 and 13 on AWS):
#   10 names and 13 summaries of 13 streams, more: True, token: None
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
    for i in range(13):
        client.create_stream(StreamName=f"stream-{i:02}", ShardCount=1)
    pages = list(client.get_paginator("list_streams").paginate())
    names, summaries = (sum(len(page[key]) for page in pages) for key in ("StreamNames", "StreamSummaries"))
    page = pages[-1]
    more, token = page["HasMoreStreams"], page.get("NextToken")
    print(f"{names} names and {summaries} summaries of 13 streams, more: {more}, token: {token}")
PYTHON
)
echo "$seen"
[ "$seen" = "10 names and 13 summaries of 13 streams, more: True, token: None" ]
