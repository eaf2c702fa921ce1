#!/usr/bin/env bash
# xdk 0.10.6, X's own SDK: an item of the stream whose error has a type outside a list of nine is dropped, post and all.
#
# X explains a disconnection in the stream, by an item with `errors` whose type ends in `operational-disconnect` ("Handling
# disconnections"), and a post may carry a partial error about what it references ("Response codes and errors", where
# types begin with https://api.twitter.com/2/problems/). The model of an item accepts nine types only, spelt with
# https://api.x.com. Anything else fails the model, is logged at DEBUG and skipped: the program never sees why the stream
# ended, nor the post, which is whole. An error of a listed type arrives.
#
# Output seen, of a post without an error, a post with an error of each host, and the reason of a disconnection:
#   sent ['1', '2 api.twitter.com', '3 api.x.com', 'operational-disconnect', '4'], received ['1', '3 api.x.com', '4']
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


def post(text, *errors):
    return {"data": {"id": text[0], "text": text}, **({"errors": list(errors)} if errors else {})}


def not_found(host):
    return {
        "title": "Not Found Error",
        "detail": "Could not find tweet with referenced_tweets.id: [9].",
        "resource_type": "tweet",
        "resource_id": "9",
        "parameter": "referenced_tweets.id",
        "value": "9",
        "type": f"https://{host}/2/problems/resource-not-found",
    }


DISCONNECTION = {
    "title": "operational-disconnect",
    "disconnect_type": "UpstreamOperationalDisconnect",
    "detail": "This stream has been disconnected upstream for operational reasons.",
    "type": "https://api.x.com/2/problems/operational-disconnect",
}
ITEMS = [
    post("1"),
    post("2 api.twitter.com", not_found("api.twitter.com")),
    post("3 api.x.com", not_found("api.x.com")),
    {"errors": [DISCONNECTION]},
    post("4"),
]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        for item in ITEMS:
            self.wfile.write(json.dumps(item).encode() + b"\r\n")

    def log_message(self, *_):
        pass


def name(data, errors):
    return data["text"] if data else errors[0]["title"]


with HTTPServer(("127.0.0.1", 0), Handler) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    client = Client(base_url=f"http://127.0.0.1:{server.server_port}", bearer_token="test")
    client.session.trust_env = False
    received = []
    for item in client.stream.posts():
        received.append(name(*(item.model_dump().get(member) for member in ("data", "errors"))))
        if received[-1] == "4":
            break
    print(f"sent {[name(item.get('data'), item.get('errors')) for item in ITEMS]}, received {received}")
    server.shutdown()
PYTHON
)
echo "$seen"
[ "$seen" = "sent ['1', '2 api.twitter.com', '3 api.x.com', 'operational-disconnect', '4'], received ['1', '3 api.x.com', '4']" ]
