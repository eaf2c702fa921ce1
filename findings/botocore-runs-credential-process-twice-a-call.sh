#!/usr/bin/env bash
# botocore 1.43.106 runs a credential process twice for each call while its credentials are valid for nine minutes.
#
# A credential process may print what it keeps until it expires, as helpers for SSO do. In the last ten minutes botocore
# renews credentials before they are used, and does not remember that it has just asked: it asks once for the account id
# of an endpoint, and once to sign. A hundred calls of DynamoDB start two hundred processes, and one failure among them fails
# a call whose credentials are still valid.
#
# Output seen: 3 calls, 6 runs of the process
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check boto3==1.43.106 botocore==1.43.106 urllib3==2.6.3

cat > "$folder/process" <<PROCESS
#!$folder/venv/bin/python
import datetime, json
with open("$folder/runs", "a") as file:
    file.write("run\n")
expiry = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=9)
keys = {"AccessKeyId": "ASIA", "SecretAccessKey": "secret", "SessionToken": "token"}
print(json.dumps({"Version": 1, **keys, "Expiration": expiry.isoformat()}))
PROCESS
chmod +x "$folder/process"
printf '[default]\ncredential_process = %s\n' "$folder/process" > "$folder/config"

seen=$(env -u AWS_PROFILE -u AWS_ACCESS_KEY_ID AWS_CONFIG_FILE="$folder/config" \
  AWS_SHARED_CREDENTIALS_FILE="$folder/none" "$folder/venv/bin/python" - "$folder/runs" <<'PYTHON'
import http.server
import sys
import threading
from pathlib import Path

import boto3
from botocore.config import Config


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"TableNames":[]}')

    def log_message(self, *_):
        pass


with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    client = boto3.client(
        "dynamodb",
        region_name="us-east-1",
        endpoint_url=f"http://127.0.0.1:{server.server_address[1]}",
        config=Config(proxies={}, retries={"total_max_attempts": 1}),
    )
    runs = Path(sys.argv[1])
    before = len(runs.read_text().split())
    for _ in range(3):
        client.list_tables()
    print(f"3 calls, {len(runs.read_text().split()) - before} runs of the process")
    server.shutdown()
PYTHON
)
echo "$seen"
[ "$seen" = "3 calls, 6 runs of the process" ]
