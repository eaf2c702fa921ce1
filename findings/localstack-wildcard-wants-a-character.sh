#!/usr/bin/env bash
# localstack-core 2026.3.0: `*` of the event pattern operator `wildcard` stands for one character or more, never for none.
#
# AWS's own matcher, event-ruler 2.1.0, lets `a*` match "a" and `sale*now` match "salenow". LocalStack turns `*` into the
# regular expression `.+`. A rule, or an event source mapping's filter, that is tried there drops events that AWS
# delivers: among them whatever equals the text before a last `*`.
#
# Output seen (the first two are true on AWS):
#   a* on "a": False
#   sale*now on "salenow": False
#   a* on "ab": True
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    localstack-core==2026.3.0 rolo==0.8.9 jsonpatch==1.48 boto3==1.44.8 botocore==1.44.8

seen=$("$folder/venv/bin/python" - <<'PYTHON'
from localstack.utils.event_matcher import matches_event

for wildcard, text in (("a*", "a"), ("sale*now", "salenow"), ("a*", "ab")):
    print(f'{wildcard} on "{text}":', matches_event({"text": [{"wildcard": wildcard}]}, {"text": text}))
PYTHON
)
echo "$seen"
[ "$seen" = 'a* on "a": False
sale*now on "salenow": False
a* on "ab": True' ]
