#!/usr/bin/env bash
# xdk 0.10.6, X's own SDK: a stream that ends without an error is opened again at once, and again, without any wait.
#
# The SDK's documentation of a stream promises "exponential backoff retry logic", and X's page "Handling disconnections"
# asks for a back-off between connections and answers 429 to an app that connects too often. Only an *exception* goes
# through the back-off. After a clean end the next request follows within milliseconds, also where the connection has
# brought no post; `max_retries` is not counted and `on_reconnect` is not called.
#
# Output seen: 20 connections in less than a second, on_reconnect called 0 times
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check xdk==0.10.6 pydantic==2.14.4

seen=$("$folder/venv/bin/python" - <<'PYTHON'
import logging
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

from xdk import Client
from xdk.streaming import StreamConfig, StreamError

logging.disable()
MAX_CONNECTIONS = 20
connections = []
waits = []


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        connections.append(time.monotonic())
        self.send_response(200 if len(connections) < MAX_CONNECTIONS else 401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


with HTTPServer(("127.0.0.1", 0), Handler) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    client = Client(base_url=f"http://127.0.0.1:{server.server_port}", bearer_token="test")
    client.session.trust_env = False
    config = StreamConfig(max_retries=3, on_reconnect=lambda *arguments: waits.append(arguments))
    try:
        for _ in client.stream.posts(stream_config=config):
            pass
    except StreamError:
        pass
    server.shutdown()
seconds = connections[-1] - connections[0]
speed = "less than a second" if seconds < 1 else f"{seconds:.0f} s"
print(f"{len(connections)} connections in {speed}, on_reconnect called {len(waits)} times")
PYTHON
)
echo "$seen"
[ "$seen" = "20 connections in less than a second, on_reconnect called 0 times" ]
