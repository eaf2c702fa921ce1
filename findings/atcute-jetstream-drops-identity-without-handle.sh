#!/usr/bin/env bash
# @atcute/jetstream 2.0.0 (npm) drops an identity event that has no handle, silently unless `onError` is given.
#
# Jetstream passes on the firehose's identity event, whose `handle` is optional: it may be absent where only the signing
# key or the host has changed (the lexicon com.atproto.sync.subscribeRepos, `#identity`, requires seq, did and time).
# The package's own copy of the schema requires it, and its validation is on by default. Who keeps accounts up to date
# from these events, e.g. to forget a cached key, misses just the events that announce such a change.
#
# Output seen: sent 1 identity, 2 identity, 3 account; received 2 identity, 3 account
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
npm install --prefix "$folder" --silent --no-audit --no-fund --ignore-scripts \
    @atcute/jetstream@2.0.0 ws@8.23.0 >"$folder/npm.log"

cat >"$folder/program.mjs" <<'NODE'
import { JetstreamSubscription } from '@atcute/jetstream'
import WebSocket, { WebSocketServer } from 'ws'

const did = 'did:plc:abcdefghijklmnopqrstuvwx'
const time = '2026-11-29T08:00:00.000Z'
const events = [
  { did, time_us: 1, kind: 'identity', identity: { did, seq: 1, time } },
  { did, time_us: 2, kind: 'identity', identity: { did, seq: 2, time, handle: 'alice.example.com' } },
  { did, time_us: 3, kind: 'account', account: { did, seq: 3, time, active: true } }
]
const show = (list) => list.map((event) => `${event.time_us} ${event.kind}`).join(', ')

const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
server.on('connection', (socket) => {
  socket.on('message', () => events.forEach((event) => socket.send(JSON.stringify(event))))
})
await new Promise((resolve) => server.on('listening', resolve))

const url = `ws://127.0.0.1:${server.address().port}`
const received = []
for await (const event of new JetstreamSubscription({ url, cursor: 0, ws: { WebSocket } })) {
  received.push(event)
  if (event.kind === 'account') break
}
console.log(`sent ${show(events)}; received ${show(received)}`)
process.exit()
NODE
seen=$(timeout 60 node "$folder/program.mjs")
echo "$seen"
[ "$seen" = "sent 1 identity, 2 identity, 3 account; received 2 identity, 3 account" ]
