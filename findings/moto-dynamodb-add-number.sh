#!/usr/bin/env bash
# moto 5.2.5: an update that adds a number fails on the exponents that boto3 writes, and rounds to 28 digits.
#
# DynamoDB's Number has up to 38 digits of precision, and 1E-7 is a valid way to write one (DynamoDB Developer Guide,
# "Supported data types and naming rules"). boto3's TypeSerializer writes Decimal("0.0000001") as "1E-7", which moto
# stores, returns and compares. Added to an attribute, a text without a point is read by `int`, which raises ValueError;
# with a point the sum is made in Python's default decimal context, so that digits 29 to 38 are lost without a word.
#
# Output seen:
#   put 1E-7
#   add 1E-7: ValueError: invalid literal for int() with base 10: '1E-7'
#   add 0.5 to 1234567890123456789012345678901: 1234567890123456789012345679000
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    'moto[dynamodb]==5.2.5' boto3==1.44.8 botocore==1.44.8

seen=$("$folder/venv/bin/python" - <<'PYTHON'
from decimal import Decimal

import boto3
from moto import mock_aws

with mock_aws():
    session = boto3.Session(region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    table = session.resource("dynamodb").create_table(
        TableName="table",
        KeySchema=[{"AttributeName": "Id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "Id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )

    def add(value, to):
        table.put_item(Item={"Id": "1", "Amount": to})
        update = {"UpdateExpression": "ADD Amount :value", "ExpressionAttributeValues": {":value": value}}
        return table.update_item(Key={"Id": "1"}, ReturnValues="ALL_NEW", **update)["Attributes"]["Amount"]

    table.put_item(Item={"Id": "1", "Amount": Decimal("0.0000001")})
    print("put", table.get_item(Key={"Id": "1"})["Item"]["Amount"])
    try:
        print("add 1E-7:", add(Decimal("0.0000001"), to=Decimal(1)))
    except ValueError as error:
        print("add 1E-7: ValueError:", error)
    large = 1234567890123456789012345678901
    print(f"add 0.5 to {large}: {add(Decimal('0.5'), to=large):f}")
PYTHON
)
echo "$seen"
[ "$seen" = "put 1E-7
add 1E-7: ValueError: invalid literal for int() with base 10: '1E-7'
add 0.5 to 1234567890123456789012345678901: 1234567890123456789012345679000" ]
