#!/usr/bin/env bash
# dynamodb-json 1.4.2 reads a set of numbers as a set of strings, and dumps it as a list of strings.
#
# NS is a set of numbers, sent as strings like every number (DynamoDB API reference, AttributeValue), and the package
# turns a single N into an int or a float. The members of an NS stay strings. Written back by the package's own `dumps`
# the attribute has changed its type twice: from a set to a list and from numbers to strings, so that a later
# `ADD ids :ids` of the table's other users no longer applies to it.
#
# Output seen:
#   before {"ids": {"NS": ["1"]}, "id": {"N": "1"}}
#   loads {'ids': {'1'}, 'id': 1}
#   dumps {"ids": {"L": [{"S": "1"}]}, "id": {"N": "1"}}
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check dynamodb-json==1.4.2 boto3==1.44.8

seen=$("$folder/venv/bin/python" - <<'PYTHON'
from dynamodb_json import json_util

before = '{"ids": {"NS": ["1"]}, "id": {"N": "1"}}'
item = json_util.loads(before)
print("before", before)
print("loads", item)
print("dumps", json_util.dumps(item))
PYTHON
)
echo "$seen"
[ "$seen" = 'before {"ids": {"NS": ["1"]}, "id": {"N": "1"}}
loads {'"'ids': {'1'}, 'id': 1}"'
dumps {"ids": {"L": [{"S": "1"}]}, "id": {"N": "1"}}' ]
