#!/usr/bin/env bash
# async-kinesis 3.0.1: the KPL processors read a record that the KPL did not aggregate as no record at all.
#
# A stream written by the KPL is mixed: a user record that finds no company within the buffering time is sent as it is,
# under its own key (KPL, "KPL Aggregated Record Format": a reader tells the two apart by the magic number F3 89 9A C2
# and treats what has none as an ordinary record). `KPLAggregator.parse` does not look at the magic number: it cuts off
# four bytes at the front and sixteen at the back and decodes the rest as protobuf. Of up to twenty bytes nothing is
# left, so that the record vanishes without an error; a longer one raises DecodeError.
#
# Output seen:
#   b'{"id": 1}' -> []
#   b'{"id": 1, "text": "good morning"}' -> DecodeError
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    async-kinesis==3.0.1 aws-kinesis-agg==1.2.3 protobuf==7.36.2

seen=$("$folder/venv/bin/python" - <<'PYTHON'
from kinesis.processors import KPLJsonProcessor

for data in (b'{"id": 1}', b'{"id": 1, "text": "good morning"}'):
    try:
        print(data, "->", list(KPLJsonProcessor().parse(data)))
    except Exception as error:
        print(data, "->", type(error).__name__)
PYTHON
)
echo "$seen"
[ "$seen" = "b'{\"id\": 1}' -> []
b'{\"id\": 1, \"text\": \"good morning\"}' -> DecodeError" ]
