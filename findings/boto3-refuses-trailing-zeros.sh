#!/usr/bin/env bash
# boto3 1.44.8 refuses a number of one significant digit, if its zeros are written out.
#
# DynamoDB's Number has up to 38 digits of precision and goes up to 9.99E+125; "leading and trailing zeroes are trimmed"
# (DynamoDB Developer Guide, "Supported data types and naming rules"). 10**38 needs one digit of the 38. boto3's decimal
# context counts the zeros too and traps Rounded, though rounding zeros away loses nothing: the int is refused in both
# directions, and the Decimal of the same value and the same hash passes.
#
# Output seen:
#   serialize Decimal('1E+38') -> {'N': '1E+38'}
#   serialize 100000000000000000000000000000000000000 -> Rounded
#   deserialize '1E+38' -> Decimal('1E+38')
#   deserialize '100000000000000000000000000000000000000' -> Rounded
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check boto3==1.44.8 botocore==1.44.8

seen=$("$folder/venv/bin/python" - <<'PYTHON'
from decimal import Decimal

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer


def show(name, convert, value):
    try:
        result = repr(convert(value))
    except Exception as error:
        result = type(error).__name__
    print(f"{name} {value!r} -> {result}")


assert Decimal("1E+38") == 10**38 and hash(Decimal("1E+38")) == hash(10**38)
show("serialize", TypeSerializer().serialize, Decimal("1E+38"))
show("serialize", TypeSerializer().serialize, 10**38)
for text in ("1E+38", str(10**38)):
    show("deserialize", lambda value: TypeDeserializer().deserialize({"N": value}), text)
PYTHON
)
echo "$seen"
zeros=100000000000000000000000000000000000000
[ "$seen" = "serialize Decimal('1E+38') -> {'N': '1E+38'}
serialize $zeros -> Rounded
deserialize '1E+38' -> Decimal('1E+38')
deserialize '$zeros' -> Rounded" ]
