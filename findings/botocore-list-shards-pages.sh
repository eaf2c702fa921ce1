#!/usr/bin/env bash
# botocore 1.43.106: the paginator of Kinesis' ListShards breaks the operation's own rule on the second page.
#
# The model says of `NextToken`: "Don't specify StreamName ... if you specify NextToken". The paginator repeats the whole
# request beside the token, which Kinesis rejects (botocore issue 2009: "NextToken and StreamName cannot be provided
# together"), so that it cannot list a stream with more than 1,000 shards, the size of a page. A loop over `list_shards`
# whose later requests have the token alone works.
#
# Output seen: the requests of two pages.
#   {'StreamName': 'stream'}
#   {'StreamName': 'stream', 'NextToken': 'page 2'}
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check botocore==1.43.106

seen=$("$folder/venv/bin/python" - <<'PYTHON'
import botocore.session
from botocore.stub import Stubber

client = botocore.session.get_session().create_client(
    "kinesis", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
)
name = client.meta.service_model.operation_model("ListShards").input_shape.members["NextToken"]
assert "StreamName" in name.documentation, name.documentation
client.meta.events.register("provide-client-params.kinesis.ListShards", lambda params, **_: print(params))
with Stubber(client) as stub:
    stub.add_response("list_shards", {"Shards": [], "NextToken": "page 2"})
    stub.add_response("list_shards", {"Shards": []})
    for _ in client.get_paginator("list_shards").paginate(StreamName="stream"):
        pass
PYTHON
)
echo "$seen"
[ "$seen" = "{'StreamName': 'stream'}
{'StreamName': 'stream', 'NextToken': 'page 2'}" ]
