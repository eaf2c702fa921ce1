#!/usr/bin/env bash
# @skyware/jetstream 0.2.5 (npm): an error thrown by a listener vanishes, and the other listeners miss the event.
#
# The README's "Example Usage" has listeners for posts and accounts and none for "error". An error in a listener is
# caught with those of parsing, and emitted as "error"; unlike Node's EventEmitter, the emitter in use does nothing if
# nobody listens for that. The event's later listeners are not called, and the cursor is already past it, so that
# a reconnection does not bring it back.
#
# Output seen (text of the post, in the order of the listeners):
#   first: one
#   second: one
#   first: two
#   first: three
#   second: three
#   cursor: 3
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
npm install --prefix "$folder" --silent --no-audit --no-fund --ignore-scripts \
    @skyware/jetstream@0.2.5 partysocket@1.3.0 tiny-emitter@2.1.0 ws@8.18.3 >"$folder/npm.log"

cat >"$folder/program.mjs" <<'NODE'
import { Jetstream } from '@skyware/jetstream'
import WebSocket, { WebSocketServer } from 'ws'

const collection = 'app.bsky.feed.post'
const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
server.on('connection', socket => {
  for (const [index, text] of ['one', 'two', 'three'].entries()) {
    const commit = {
      rev: '3l3qo2vutsw2b', operation: 'create', collection, rkey: `3l3qo2vuow2b${index}`, cid: 'cid', record: { text }
    }
    const event = { did: 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa', time_us: index + 1, kind: 'commit', commit }
    socket.send(JSON.stringify(event))
  }
})
server.on('listening', () => {
  const endpoint = `ws://127.0.0.1:${server.address().port}/subscribe`
  const jetstream = new Jetstream({ ws: WebSocket, endpoint })
  jetstream.onCreate(collection, ({ commit }) => {
    console.log(`first: ${commit.record.text}`)
    if (commit.record.text === 'two') throw new Error('first listener failed')
  })
  jetstream.onCreate(collection, ({ commit }) => {
    console.log(`second: ${commit.record.text}`)
    if (commit.record.text !== 'three') return
    console.log(`cursor: ${jetstream.cursor}`)
    jetstream.close()
    server.close()
  })
  jetstream.start()
})
NODE
seen=$(timeout 60 node --no-warnings "$folder/program.mjs" 2>&1)
echo "$seen"
[ "$seen" = "first: one
second: one
first: two
first: three
second: three
cursor: 3" ]
