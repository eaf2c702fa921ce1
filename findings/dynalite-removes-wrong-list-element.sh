#!/usr/bin/env bash
# dynalite 4.0.0 (npm): an update that removes two elements of a list removes a wrong one, or only the first.
#
# The DynamoDB Developer Guide, "Using update expressions in DynamoDB", has the example of REMOVE RelatedItems[1],
# RelatedItems[2]: of five elements the first and the last two stay. All indexes are those of the item before the
# update. dynalite removes one after the other, so that the second index is that of a list which is one shorter. In
# falling order it works. PyPI's moto 5.2.5 does as the guide says.
#
# Output seen (on AWS "Chisel Screwdriver Hacksaw" and "Hammer Nails Screwdriver"):
#   REMOVE RelatedItems[1], RelatedItems[2]: Chisel Nails Hacksaw
#   REMOVE RelatedItems[0], RelatedItems[4]: Hammer Nails Screwdriver Hacksaw
#   REMOVE RelatedItems[2], RelatedItems[1]: Chisel Screwdriver Hacksaw
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
npm install --prefix "$folder" --silent --no-audit --no-fund --ignore-scripts \
    dynalite@4.0.0 @aws-sdk/client-dynamodb@3.1169.0 >"$folder/npm.log"

cat >"$folder/program.js" <<'NODE'
const { DynamoDB } = require('@aws-sdk/client-dynamodb')
const server = require('dynalite')({ createTableMs: 0 })

server.listen(0, '127.0.0.1', async () => {
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
  const endpoint = `http://127.0.0.1:${server.address().port}`
  const client = new DynamoDB({ region: 'us-east-1', endpoint, credentials })
  await client.createTable({
    TableName: 'table',
    KeySchema: [{ AttributeName: 'Id', KeyType: 'HASH' }],
    AttributeDefinitions: [{ AttributeName: 'Id', AttributeType: 'S' }],
    BillingMode: 'PAY_PER_REQUEST'
  })
  while ((await client.describeTable({ TableName: 'table' })).Table.TableStatus !== 'ACTIVE') {
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  for (const [first, second] of [[1, 2], [0, 4], [2, 1]]) {
    const texts = ['Chisel', 'Hammer', 'Nails', 'Screwdriver', 'Hacksaw']
    const item = { Id: { S: '1' }, RelatedItems: { L: texts.map(S => ({ S })) } }
    await client.putItem({ TableName: 'table', Item: item })
    const expression = `REMOVE RelatedItems[${first}], RelatedItems[${second}]`
    const { Attributes } = await client.updateItem({
      TableName: 'table', Key: { Id: item.Id }, UpdateExpression: expression, ReturnValues: 'ALL_NEW'
    })
    console.log(`${expression}: ${Attributes.RelatedItems.L.map(({ S }) => S).join(' ')}`)
  }
  client.destroy()
  server.close()
})
NODE
seen=$(timeout 60 node --no-warnings "$folder/program.js")
echo "$seen"
[ "$seen" = "REMOVE RelatedItems[1], RelatedItems[2]: Chisel Nails Hacksaw
REMOVE RelatedItems[0], RelatedItems[4]: Hammer Nails Screwdriver Hacksaw
REMOVE RelatedItems[2], RelatedItems[1]: Chisel Screwdriver Hacksaw" ]
