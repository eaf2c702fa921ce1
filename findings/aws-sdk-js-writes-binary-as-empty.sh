#!/usr/bin/env bash
# @aws-sdk/lib-dynamodb 3.1169.0 (npm) sends an ArrayBuffer, a DataView, a Blob or a File as a binary without any bytes.
#
# The README's table in "Marshalling Input and Unmarshalling Response Data" has "Uint8Array, Buffer, File, Blob..." for
# B, and the type NativeAttributeBinary has all four. The document client takes them for binaries, but the request
# then holds an empty one: a valid value, so that nothing fails and the data are lost. In a set an ArrayBuffer is
# refused, and so is a typed array of wider numbers, which that type has too.
#
# Output seen:
#   Uint8Array: {"B":"AQIDBA=="}
#   ArrayBuffer: {"B":""}
#   DataView: {"B":""}
#   Blob: {"B":""}
#   File: {"B":""}
#   Uint16Array: TypeError
#   Set of ArrayBuffer: Error
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
npm install --prefix "$folder" --silent --no-audit --no-fund --ignore-scripts \
    @aws-sdk/lib-dynamodb@3.1169.0 @aws-sdk/client-dynamodb@3.1169.0 @aws-sdk/core@3.981.2 @smithy/core@3.41.1 \
    >"$folder/npm.log"

cat >"$folder/program.mjs" <<'NODE'
import { File } from 'node:buffer'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { DynamoDBDocumentClient, PutCommand } from '@aws-sdk/lib-dynamodb'

let body
const requestHandler = {
  async handle (request) {
    body = new TextDecoder().decode(request.body)
    return { response: { statusCode: 200, headers: {}, body: Buffer.from('{}') } }
  }
}
const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
const client = DynamoDBDocumentClient.from(new DynamoDBClient({ region: 'us-east-1', credentials, requestHandler }))

async function show (title, Data) {
  try {
    await client.send(new PutCommand({ TableName: 'table', Item: { Id: '1', Data } }))
    console.log(`${title}: ${JSON.stringify(JSON.parse(body).Item.Data)}`)
  } catch (error) {
    console.log(`${title}: ${error.name}`)
  }
}

const bytes = new Uint8Array([1, 2, 3, 4])
await show('Uint8Array', bytes)
await show('ArrayBuffer', bytes.buffer)
await show('DataView', new DataView(bytes.buffer))
await show('Blob', new Blob([bytes]))
await show('File', new File([bytes], 'name'))
await show('Uint16Array', new Uint16Array(bytes.buffer))
await show('Set of ArrayBuffer', new Set([bytes.buffer]))
NODE
seen=$(node --no-warnings "$folder/program.mjs")
echo "$seen"
[ "$seen" = 'Uint8Array: {"B":"AQIDBA=="}
ArrayBuffer: {"B":""}
DataView: {"B":""}
Blob: {"B":""}
File: {"B":""}
Uint16Array: TypeError
Set of ArrayBuffer: Error' ]
