#!/usr/bin/env bash
# localstack-core 2026.3.0: an event pattern with two members of an object matches if two elements of an array have one each.
#
# "Arrays in EventBridge event patterns" and event-ruler 2.1.0, AWS's matcher (its README has array consistency): members
# under one path must hold within one element of an array of objects. LocalStack looks for each
# member in any element. A filter that is tried there delivers events that AWS drops.
#
# Output seen (False on AWS, then True):
#   {'kind': ['quote'], 'id': [77]} on [{'kind': 'quote', 'id': 5}, {'kind': 'reply', 'id': 77}]: True
#   {'kind': ['quote'], 'id': [77]} on [{'kind': 'quote', 'id': 77}]: True
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    localstack-core==2026.3.0 rolo==0.8.9 jsonpatch==1.48 boto3==1.44.8 botocore==1.44.8

seen=$("$folder/venv/bin/python" - <<'PYTHON'
from localstack.utils.event_matcher import matches_event

pattern = {"kind": ["quote"], "id": [77]}
for references in (
    [{"kind": "quote", "id": 5}, {"kind": "reply", "id": 77}],
    [{"kind": "quote", "id": 77}],
):
    print(f"{pattern} on {references}:", matches_event({"references": pattern}, {"references": references}))
PYTHON
)
echo "$seen"
[ "$seen" = "{'kind': ['quote'], 'id': [77]} on [{'kind': 'quote', 'id': 5}, {'kind': 'reply', 'id': 77}]: True
{'kind': ['quote'], 'id': [77]} on [{'kind': 'quote', 'id': 77}]: True" ]
