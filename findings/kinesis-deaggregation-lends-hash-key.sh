#!/usr/bin/env bash
# aws-kinesis-agg 1.2.3 (PyPI) gives a user record without an explicit hash key that of another record.
#
# In the KPL's aggregated record `explicit_hash_key_index` is optional ("KPL Aggregated Record Format", the message
# Record): a record without it has no explicit hash key. The reader asks only whether the *table* of hash keys is empty
# and then takes the absent index for 0. Once any record of the aggregate has a hash key, all that have none come back
# with the first one of the table; who checks a record against its shard's hash range discards it as a stranger. aiokpl
# 0.2.0 reads the same bytes as the format says. (npm's aws-kinesis-agg 4.2.8 behaves as PyPI's does.)
#
# Output seen, of a record that has a hash key and one that has none:
#   aws-kinesis-agg [('a', '7'), ('b', '7')]
#   aiokpl [('a', '7'), ('b', None)]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check aws-kinesis-agg==1.2.3 aiokpl==0.2.0 protobuf==7.36.2

seen=$("$folder/venv/bin/python" - <<'PYTHON'
import base64

from aiokpl.aggregation import decode_aggregated
from aws_kinesis_agg.aggregator import RecordAggregator
from aws_kinesis_agg.deaggregator import deaggregate_records

aggregator = RecordAggregator()
aggregator.add_user_record("a", b"1", explicit_hash_key="7")
aggregator.add_user_record("b", b"2")
_, _, data = aggregator.clear_and_get().get_contents()

record = {
    "kinesisSchemaVersion": "1.0",
    "sequenceNumber": "1",
    "partitionKey": "a",
    "approximateArrivalTimestamp": 1.0,
    "data": base64.b64encode(data).decode(),
}
users = [user["kinesis"] for user in deaggregate_records([{"kinesis": record}])]
print("aws-kinesis-agg", [(user["partitionKey"], user["explicitHashKey"]) for user in users])
print("aiokpl", [(user.partition_key, user.explicit_hash_key) for user in decode_aggregated(data)])
PYTHON
)
echo "$seen"
[ "$seen" = "aws-kinesis-agg [('a', '7'), ('b', '7')]
aiokpl [('a', '7'), ('b', None)]" ]
