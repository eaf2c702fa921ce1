#!/usr/bin/env bash
# aws-lambda-powertools 3.37.0: a binary attribute of a DynamoDB stream's record is the base64 text, not its bytes.
#
# In a Lambda event B and BS are base64 texts (DynamoDB Streams API reference, AttributeValue). The data class and the
# parser's model turn images into Python values, and their deserializer's description says that Python's bytes are
# returned for B and BS. The text is returned as it came: a digest, a size or a comparison with an item that boto3 has
# read, whose Binary has the bytes, is wrong without an error.
#
# Output seen:
#   data class: 'AQID' {'BAUG'}
#   parser: 'AQID' {'BAUG'}
#   boto3: Binary(b'\x01\x02\x03') {Binary(b'\x04\x05\x06')}
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    aws-lambda-powertools==3.37.0 pydantic==2.14.4 boto3==1.44.8 botocore==1.44.8

seen=$("$folder/venv/bin/python" - <<'PYTHON'
from aws_lambda_powertools.utilities.data_classes import DynamoDBStreamEvent
from aws_lambda_powertools.utilities.parser.models import DynamoDBStreamModel
from boto3.dynamodb.types import TypeDeserializer

record = {
    "eventID": "1",
    "eventName": "INSERT",
    "eventVersion": "1.1",
    "eventSource": "aws:dynamodb",
    "awsRegion": "us-east-1",
    "eventSourceARN": "arn:aws:dynamodb:us-east-1:123456789012:table/table/stream/label",
    "dynamodb": {
        "ApproximateCreationDateTime": 1545084650,
        "Keys": {"Id": {"N": "1"}},
        "NewImage": {"Data": {"B": "AQID"}, "Parts": {"BS": ["BAUG"]}},
        "SequenceNumber": "1",
        "SizeBytes": 12,
        "StreamViewType": "NEW_IMAGE",
    },
}
image = next(DynamoDBStreamEvent({"Records": [record]}).records).dynamodb.new_image
print("data class:", repr(image["Data"]), image["Parts"])
image = DynamoDBStreamModel.model_validate({"Records": [record]}).Records[0].dynamodb.NewImage
print("parser:", repr(image["Data"]), image["Parts"])
data, parts = map(TypeDeserializer().deserialize, ({"B": b"\x01\x02\x03"}, {"BS": [b"\x04\x05\x06"]}))
print("boto3:", repr(data), parts)
PYTHON
)
echo "$seen"
[ "$seen" = "data class: 'AQID' {'BAUG'}
parser: 'AQID' {'BAUG'}
boto3: Binary(b'\x01\x02\x03') {Binary(b'\x04\x05\x06')}" ]
