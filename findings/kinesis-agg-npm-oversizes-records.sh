#!/usr/bin/env bash
# aws-kinesis-agg 4.2.8 (npm): partition keys outside ASCII make aggregated records that Kinesis refuses.
#
# A partition key is a string of up to 256 Unicode characters (Kinesis API reference, PutRecord), and a record has at most
# 1 MiB (1,048,576 bytes) unless its stream allows more. The README says that a record is handed out when the records
# supplied exceed the maximum record size. The size of a key is taken from `String.length`, so that a Japanese letter counts
# as one byte where the record has three: the aggregate of the same events is 30 % too large. PutRecord refuses it,
# with all of its user records. The library of the same name on PyPI counts bytes.
#
# Output seen, the first of the aggregated records in bytes:
#   Latin keys: 1048551
#   Japanese keys: 1364271
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
npm install --prefix "$folder" --silent --no-audit --no-fund --ignore-scripts aws-kinesis-agg@4.2.8 >"$folder/npm.log"

seen=$(cd "$folder" && node - <<'NODE'
const { aggregate } = require('aws-kinesis-agg')

function show (title, letter) {
  const records = []
  for (let number = 0; number < 12000; number++) {
    records.push({ partitionKey: letter.repeat(20) + number, data: Buffer.alloc(100, 'x') })
  }
  const sizes = []
  const onReady = (record, done) => { sizes.push(record.data.length); done() }
  aggregate(records, onReady, () => console.log(`${title} keys: ${sizes[0]}`), error => { throw error })
}

show('Latin', 'a')
show('Japanese', 'は')
NODE
)
echo "$seen"
[ "$seen" = 'Latin keys: 1048551
Japanese keys: 1364271' ]
