#!/usr/bin/env bash
# aws-kinesis-agg 4.2.8 (npm) gives records the partition keys of other records when some keys are small integers.
#
# A partition key is any string of 1 to 256 characters (Kinesis API reference, PutRecords), so that a number such as an
# account's id is as good as a name. The aggregator counts keys in the order of their first record, but writes the table
# by `Object.keys`, which lists integer-like keys first and in ascending order. Records then point at the wrong entry of
# `partition_key_table`: a consumer that groups by the key mixes its groups up, without an error and with a valid MD5.
#
# Output seen:
#   sent under 20, read under 3
#   sent under 3, read under 20
#   sent under alice, read under alice
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
npm install --prefix "$folder" --silent --no-audit --no-fund --ignore-scripts aws-kinesis-agg@4.2.8 >"$folder/npm.log"

seen=$(cd "$folder" && node - <<'NODE'
const { RecordAggregator, deaggregateSync } = require('aws-kinesis-agg')

const aggregator = new RecordAggregator()
for (const key of ['20', '3', 'alice']) {
  aggregator.addUserRecord({ partitionKey: key, data: Buffer.from(key) })
}
const record = { data: aggregator.build().data.toString('base64'), sequenceNumber: '1' }
deaggregateSync(record, true, (error, users) => {
  if (error) throw error
  for (const user of users) {
    console.log(`sent under ${Buffer.from(user.data, 'base64')}, read under ${user.partitionKey}`)
  }
})
NODE
)
echo "$seen"
[ "$seen" = "sent under 20, read under 3
sent under 3, read under 20
sent under alice, read under alice" ]
