#!/usr/bin/env bash
# xdk 0.10.6, X's own SDK: the stream of posts drops every post whose public metrics have the names that X documents.
#
# X's data dictionary names `retweet_count` among a post's `public_metrics`, and `tweet_fields=["public_metrics"]` is
# how the SDK's own `stream.posts` asks for them. The response's model requires `repost_count` instead, the name in X's
# newer OpenAPI document. A post that fails the model is logged at DEBUG and skipped: a program that asks for metrics
# gets an empty stream, no error and a connection that looks healthy.
#
# Output seen, of a post without metrics, one with `retweet_count` and one with `repost_count`:
#   sent ['1', '2', '3'], received ['1', '3']
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check xdk==0.10.6 pydantic==2.14.4

seen=$("$folder/venv/bin/python" - <<'PYTHON'
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from xdk import Client

COUNTS = {"reply_count": 0, "like_count": 0, "quote_count": 0, "bookmark_count": 0, "impression_count": 1}
POSTS = [
    {"id": "1", "text": "no metrics"},
    {"id": "2", "text": "old name", "public_metrics": {**COUNTS, "retweet_count": 0}},
    {"id": "3", "text": "new name", "public_metrics": {**COUNTS, "repost_count": 0}},
]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        for post in POSTS:
            self.wfile.write(json.dumps({"data": post}).encode() + b"\r\n")

    def log_message(self, *_):
        pass


with HTTPServer(("127.0.0.1", 0), Handler) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    client = Client(base_url=f"http://127.0.0.1:{server.server_port}", bearer_token="test")
    client.session.trust_env = False
    received = []
    for item in client.stream.posts(tweet_fields=["public_metrics"]):
        received.append(item.data.id)
        if item.data.id == "3":
            break
    print(f"sent {[post['id'] for post in POSTS]}, received {received}")
    server.shutdown()
PYTHON
)
echo "$seen"
[ "$seen" = "sent ['1', '2', '3'], received ['1', '3']" ]
