#!/usr/bin/env bash
# aws-kinesis-agg 4.2.8 (npm): the README's own way of sending an aggregated record loses its explicit hash key.
#
# README, "Record Aggregation": the handler's record "has field {data, partitionKey, explicitHashKey}", and the example
# copies `encodedRecord.explicitHashKey` into the request. The package sets `ExplicitHashKey` beside two lower-case
# members, so that the example's condition never holds and the record goes to the shard of its partition key. The value
# is the first user record's besides: where only a later record has one, the member is absent altogether.
#
# Output seen:
#   every record has one: {"partitionKey":"a","ExplicitHashKey":"7"}
#   the second has one: {"partitionKey":"a"}
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
npm install --prefix "$folder" --silent --no-audit --no-fund --ignore-scripts aws-kinesis-agg@4.2.8 >"$folder/npm.log"

seen=$(cd "$folder" && node - <<'NODE'
const { RecordAggregator } = require('aws-kinesis-agg')

function show (title, hashKeys) {
  const aggregator = new RecordAggregator()
  for (const explicitHashKey of hashKeys) {
    aggregator.addUserRecord({ partitionKey: 'a', data: Buffer.from('data'), explicitHashKey })
  }
  const { data, ...members } = aggregator.build()
  console.log(`${title}: ${JSON.stringify(members)}`)
}

show('every record has one', ['7', '7'])
show('the second has one', [undefined, '7'])
NODE
)
echo "$seen"
grep -q 'params.ExplicitHashKey = encodedRecord.explicitHashKey' "$folder/node_modules/aws-kinesis-agg/README.md"
[ "$seen" = 'every record has one: {"partitionKey":"a","ExplicitHashKey":"7"}
the second has one: {"partitionKey":"a"}' ]
