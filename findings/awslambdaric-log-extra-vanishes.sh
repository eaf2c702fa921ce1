#!/usr/bin/env bash
# awslambdaric 4.2.2: four names of a log record's `extra` vanish from the JSON line, though nothing takes their place.
#
# Python's logging refuses an `extra` that would overwrite a record's attribute, with a KeyError; other names are the
# caller's (Python documentation, `Logger.debug`). The formatter reserves `location`, `errorType`, `errorMessage` and
# `stackTrace` for its own values, leaves out a caller's value of the same name, and then leaves out its own because it
# is None: the line of an ordinary record has neither. A field named `location` is lost in every log line that is not of
# an exception, without a word.
#
# Output seen: ['level', 'logger', 'message', 'place', 'timestamp']
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check awslambdaric==4.2.2

seen=$("$folder/venv/bin/python" - <<'PYTHON'
import json
import logging

from awslambdaric.lambda_runtime_log_utils import JsonFormatter

extra = {"place": "Berlin", "location": "Berlin", "errorType": "throttled", "errorMessage": "1 of 9", "stackTrace": []}
record = logging.getLogger("reader").makeRecord("reader", logging.INFO, __file__, 1, "stored", (), None, extra=extra)
print(sorted(json.loads(JsonFormatter().format(record))))
PYTHON
)
echo "$seen"
[ "$seen" = "['level', 'logger', 'message', 'place', 'timestamp']" ]
