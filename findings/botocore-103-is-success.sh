#!/usr/bin/env bash
# botocore 1.43.106 takes an interim answer for the answer of the call.
#
# A server (or a proxy before it) that sends `103 Early Hints` and then the real answer is within RFC 9110, section
# 15.2: a client reads past any number of interim answers. botocore returns the 103 as a success instead, without a
# member of the output. For DynamoDB's BatchWriteItem that reads as "nothing was left unprocessed", although the answer
# behind it returns the item: a caller who looks at `UnprocessedItems` loses it.
#
# Output seen: {'HTTPStatusCode': 103, 'UnprocessedItems': None}
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check boto3==1.43.106 botocore==1.43.106 urllib3==2.6.3

seen=$("$folder/venv/bin/python" - <<'PYTHON'
import socketserver
import threading

import boto3
from botocore.config import Config

ITEM = {"PutRequest": {"Item": {"Id": {"S": "1"}}}}
BODY = b'{"UnprocessedItems":{"table":[{"PutRequest":{"Item":{"Id":{"S":"1"}}}}]}}'


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        length = 0
        while (line := self.rfile.readline()).strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        self.rfile.read(length)
        self.wfile.write(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n")
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY))


with socketserver.TCPServer(("127.0.0.1", 0), Handler) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    client = boto3.client(
        "dynamodb",
        region_name="us-east-1",
        endpoint_url=f"http://127.0.0.1:{server.server_address[1]}",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(proxies={}, retries={"total_max_attempts": 1}),
    )
    answer = client.batch_write_item(RequestItems={"table": [ITEM]})
    status = answer["ResponseMetadata"]["HTTPStatusCode"]
    print({"HTTPStatusCode": status, "UnprocessedItems": answer.get("UnprocessedItems")})
    server.shutdown()
PYTHON
)
echo "$seen"
[ "$seen" = "{'HTTPStatusCode': 103, 'UnprocessedItems': None}" ]
