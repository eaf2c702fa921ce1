// Puts the lines of standard input, each a partition key, a tab and an event, aggregated by aws-kinesis-agg (npm).
// Argument: the stream. AWS's endpoint, region and credentials are in the environment.
const readline = require('node:readline')
const { KinesisClient, PutRecordCommand } = require('@aws-sdk/client-kinesis')
const { aggregate } = require('aws-kinesis-agg')

async function main (StreamName) {
  const records = []
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const tab = line.indexOf('\t')
    records.push({ partitionKey: line.slice(0, tab), data: Buffer.from(line.slice(tab + 1)) })
  }
  const kinesis = new KinesisClient({})
  const put = ({ partitionKey, data }, done) => {
    const command = new PutRecordCommand({ StreamName, PartitionKey: partitionKey, Data: data })
    kinesis.send(command).then(answer => done(null, answer), done)
  }
  await new Promise((resolve, reject) => aggregate(records, put, resolve, reject))
}

main(process.argv[2]).catch(error => {
  console.error(error)
  process.exitCode = 1
})
