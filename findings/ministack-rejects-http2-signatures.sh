#!/usr/bin/env bash
# ministack 1.5.33: with AUTH=true, a request that an IAM user signed over HTTP/2 is refused as wrongly signed.
#
# AWS's SDK for JavaScript speaks HTTP/2 to Kinesis, and signs the pseudo-header `:authority`: "You must include the host
# header (HTTP/1.1) or the :authority header (HTTP/2)" (IAM user guide, "Create a signed AWS API request"). The server that
# ministack runs in hands `:authority` on as `host`; ministack looks it up under the name that was signed, finds
# nothing, and computes another signature. The root's key, `test`, is not checked and works.
#
# Output seen:
#   HTTP/2: InvalidSignatureException
#   HTTP/1.1: stored
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check ministack==1.5.33 boto3==1.43.106
npm install --prefix "$folder" --silent --no-audit --no-fund --ignore-scripts \
    @aws-sdk/client-kinesis@3.1143.0 @smithy/node-http-handler@4.14.2 >"$folder/npm.log"

cat >"$folder/put.cjs" <<'NODE'
const { KinesisClient, PutRecordCommand } = require('@aws-sdk/client-kinesis')
const { NodeHttpHandler } = require('@smithy/node-http-handler')

async function put (title, options) {
  const client = new KinesisClient(options)
  const command = new PutRecordCommand({ StreamName: 'stream', PartitionKey: 'a', Data: Buffer.from('{}') })
  const outcome = await client.send(command).then(() => 'stored', error => error.name)
  client.destroy()
  console.log(`${title}: ${outcome}`)
}

put('HTTP/2', {}).then(() => put('HTTP/1.1', { requestHandler: new NodeHttpHandler() }))
NODE

seen=$("$folder/venv/bin/python" - "$folder" <<'PYTHON'
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request

import boto3

folder = sys.argv[1]
with socket.socket() as listener:
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
url = f"http://127.0.0.1:{port}"
path = {"PATH": os.environ["PATH"], "HOME": folder}
server = subprocess.Popen(
    [f"{folder}/venv/bin/ministack"],
    env=path | {"AUTH": "true", "GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "S3_DATA_DIR": f"{folder}/s3"},
    stdout=subprocess.DEVNULL,
    stderr=subprocess.DEVNULL,
)
try:
    for _ in range(600):
        try:
            urllib.request.urlopen(f"{url}/_ministack/health")
            break
        except OSError:
            time.sleep(0.1)
    root = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    boto3.client("kinesis", endpoint_url=url, **root).create_stream(StreamName="stream", ShardCount=1)
    iam = boto3.client("iam", endpoint_url=url, **root)
    iam.create_user(UserName="user")
    statement = {"Effect": "Allow", "Action": "kinesis:PutRecord", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName="user", PolicyName="put", PolicyDocument=policy)
    key = iam.create_access_key(UserName="user")["AccessKey"]
    credentials = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    place = {"AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": url}
    subprocess.run(
        ["node", f"{folder}/put.cjs"], env=path | credentials | place, stderr=subprocess.DEVNULL, check=True
    )
finally:
    server.terminate()
    server.wait()
PYTHON
)
echo "$seen"
[ "$seen" = "HTTP/2: InvalidSignatureException
HTTP/1.1: stored" ]
