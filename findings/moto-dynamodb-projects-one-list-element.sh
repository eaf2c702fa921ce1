#!/usr/bin/env bash
# moto 5.2.5: a projection that names several elements of one list returns only the last of them that it names.
#
# A projection expression is a list of paths, and a path may be an element of a list (DynamoDB Developer Guide, "Using
# projection expressions in DynamoDB"). Members of one map are put together; of one list's elements each replaces the
# one before. GetItem and Scan do the same. Another simulator, npm's dynalite 4.0.0, returns both elements.
#
# Output seen (both elements on AWS):
#   Tags[0], Tags[2]: {'Tags': ['c']}
#   Tags[2], Tags[0]: {'Tags': ['a']}
#   Media[0].#u, Media[1].#u: {'Media': [{'Url': 'two'}]}
#   Measure.Width, Measure.Height: {'Measure': {'Width': 'w', 'Height': 'h'}}
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    'moto[dynamodb]==5.2.5' boto3==1.44.8 botocore==1.44.8

seen=$("$folder/venv/bin/python" - <<'PYTHON'
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
    item = {
        "Id": "1",
        "Tags": ["a", "b", "c"],
        "Media": [{"Url": "one"}, {"Url": "two"}],
        "Measure": {"Width": "w", "Height": "h"},
    }
    table.put_item(Item=item)
    for paths in ("Tags[0], Tags[2]", "Tags[2], Tags[0]", "Media[0].#u, Media[1].#u", "Measure.Width, Measure.Height"):
        names = {"ExpressionAttributeNames": {"#u": "Url"}} if "#u" in paths else {}
        found = table.get_item(Key={"Id": "1"}, ProjectionExpression=paths, **names)["Item"]
        assert table.scan(ProjectionExpression=paths, **names)["Items"] == [found]
        print(f"{paths}: {found}")
PYTHON
)
echo "$seen"
[ "$seen" = "Tags[0], Tags[2]: {'Tags': ['c']}
Tags[2], Tags[0]: {'Tags': ['a']}
Media[0].#u, Media[1].#u: {'Media': [{'Url': 'two'}]}
Measure.Width, Measure.Height: {'Measure': {'Width': 'w', 'Height': 'h'}}" ]
