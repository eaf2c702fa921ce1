#!/usr/bin/env bash
# @middy/event-normalizer 6.4.5 and @aws-lambda-powertools/parser 2.35.0 (npm) make KPL records unreadable.
#
# A Kinesis record's data is a blob of any bytes, "both opaque and immutable" to the service (Kinesis API reference,
# Record). Both packages replace the base64 text of an event's record by decoded text, whatever the bytes are: those
# that are no UTF-8, such as the magic number F3 89 9A C2 of the KPL's aggregated record and the MD5 at its end, become
# U+FFFD for good. No error is raised, and aws-kinesis-agg 4.2.8 then takes the record for one that is not aggregated:
# two records in, one out. Deaggregated before these packages, the same event has both.
#
# Output seen:
#   event as it comes: 2 records
#   after @middy/event-normalizer: 1 record
#   after @aws-lambda-powertools/parser: 1 record
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
npm install --prefix "$folder" --silent --no-audit --no-fund --ignore-scripts aws-kinesis-agg@4.2.8 \
    @middy/event-normalizer@6.4.5 @aws-lambda-powertools/parser@2.35.0 zod@4.6.7 >"$folder/npm.log"

cat >"$folder/program.mjs" <<'NODE'
import { KinesisDataStreamSchema } from '@aws-lambda-powertools/parser/schemas/kinesis'
import eventNormalizer from '@middy/event-normalizer'
import aggregation from 'aws-kinesis-agg'

const aggregator = new aggregation.RecordAggregator()
aggregator.addUserRecord({ partitionKey: 'a', data: Buffer.from('1') })
aggregator.addUserRecord({ partitionKey: 'b', data: Buffer.from('2') })
const data = aggregator.build().data.toString('base64')

const account = '123456789012'
const createEvent = () => ({
  Records: [{
    eventSource: 'aws:kinesis',
    eventVersion: '1.0',
    eventID: 'shardId-000000000000:1',
    eventName: 'aws:kinesis:record',
    awsRegion: 'us-east-1',
    invokeIdentityArn: `arn:aws:iam::${account}:role/reader`,
    eventSourceARN: `arn:aws:kinesis:us-east-1:${account}:stream/stream`,
    kinesis: {
      kinesisSchemaVersion: '1.0', partitionKey: 'a', sequenceNumber: '1', approximateArrivalTimestamp: 1.5, data
    }
  }]
})

function show (title, bytes) {
  const record = { data: bytes.toString('base64'), partitionKey: 'a', sequenceNumber: '1' }
  aggregation.deaggregateSync(record, true, (error, users) => {
    if (error) throw error
    console.log(`${title}: ${users.length} record${users.length === 1 ? '' : 's'}`)
  })
}

show('event as it comes', Buffer.from(createEvent().Records[0].kinesis.data, 'base64'))
const event = createEvent()
await eventNormalizer().before({ event })
show('after @middy/event-normalizer', Buffer.from(event.Records[0].kinesis.data))
const parsed = KinesisDataStreamSchema.parse(createEvent())
show('after @aws-lambda-powertools/parser', Buffer.from(parsed.Records[0].kinesis.data))
NODE
seen=$(node "$folder/program.mjs")
echo "$seen"
[ "$seen" = "event as it comes: 2 records
after @middy/event-normalizer: 1 record
after @aws-lambda-powertools/parser: 1 record" ]
