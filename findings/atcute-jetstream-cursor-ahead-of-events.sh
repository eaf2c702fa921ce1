#!/usr/bin/env bash
# @atcute/jetstream 2.0.0 (npm): the cursor to save is that of the last event received, not of the last one handed out.
#
# README, "Resuming from a cursor": save `subscription.cursor` periodically and start with it next time. Events wait in
# a queue while the `for await` loop works on one, and the cursor moves as they arrive. A program that saves it between
# two events and then stops resumes after the whole queue: all that waited is lost, although Jetstream would send it
# again and the program did as the README says. Only the `time_us` of an event that is done is a cursor to resume from.
#
# Output seen: working on event 1, cursor to save 3
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
npm install --prefix "$folder" --silent --no-audit --no-fund --ignore-scripts \
    @atcute/jetstream@2.0.0 ws@8.23.0 >"$folder/npm.log"

cat >"$folder/program.mjs" <<'NODE'
import { setTimeout } from 'node:timers/promises'

import { JetstreamSubscription } from '@atcute/jetstream'
import WebSocket, { WebSocketServer } from 'ws'

const did = 'did:plc:abcdefghijklmnopqrstuvwx'
const account = { did, seq: 1, time: '2026-11-29T08:00:00.000Z', active: true }

const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
server.on('connection', (socket) => {
  socket.on('message', () => {
    for (const time of [1, 2, 3]) socket.send(JSON.stringify({ did, time_us: time, kind: 'account', account }))
  })
})
await new Promise((resolve) => server.on('listening', resolve))

const url = `ws://127.0.0.1:${server.address().port}`
const subscription = new JetstreamSubscription({ url, cursor: 0, ws: { WebSocket } })
for await (const event of subscription) {
  await setTimeout(500) // the work on one event
  console.log(`working on event ${event.time_us}, cursor to save ${subscription.cursor}`)
  break
}
process.exit()
NODE
seen=$(timeout 60 node "$folder/program.mjs")
echo "$seen"
[ "$seen" = "working on event 1, cursor to save 3" ]
