#!/usr/bin/env bash
# dynamodb-json 1.4.2: `loads` shrinks a map to one of its attributes if that is named S, N, B, L, M or the like.
#
# DynamoDB sets no limit on an attribute's name but its length (DynamoDB Developer Guide, "Supported data types and
# naming rules"): the sizes S, M and L, or the points N and S of the compass, are good names. `loads` decides by a hook
# that JSON's parser calls for every object, from the inside out, and that cannot know an item from a value's type. It
# takes the first type's name that it finds and drops the rest of the item; boto3's TypeDeserializer reads the same item
# in full.
#
# Output seen:
#   loads {'id': '1', 'price': 10}
#   boto3 {'id': '1', 'price': {'L': Decimal('10'), 'XL': Decimal('12')}}
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check dynamodb-json==1.4.2 boto3==1.44.8

seen=$("$folder/venv/bin/python" - <<'PYTHON'
import json

from boto3.dynamodb.types import TypeDeserializer
from dynamodb_json import json_util

item = {"id": {"S": "1"}, "price": {"M": {"L": {"N": "10"}, "XL": {"N": "12"}}}}
print("loads", json_util.loads(json.dumps(item)))
print("boto3", TypeDeserializer().deserialize({"M": item}))
PYTHON
)
echo "$seen"
[ "$seen" = "loads {'id': '1', 'price': 10}
boto3 {'id': '1', 'price': {'L': Decimal('10'), 'XL': Decimal('12')}}" ]
