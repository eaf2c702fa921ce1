#!/usr/bin/env bash
# awslambdaric 4.2.2: a log call with a dict of counts raises in the handler function, once the log format is JSON.
#
# A failure to write a log record must not reach the caller: a handler of Python's logging passes it to
# `Handler.handleError` (Python documentation, "Logging HOWTO", "Exceptions raised during logging"), and the formatter's
# comment promises the same ("keeps formatting resilient"). Its encoder stringifies values that JSON lacks, but no keys,
# and neither handler of the runtime calls handleError. Counts by (source, shard) in `extra`, fine under the text format
# and on any handler of the standard library, end the invocation, and with it the batch.
#
# Output seen:
#   awslambdaric TEXT logged
#   awslambdaric JSON TypeError: keys must be str, int, float, bool or None, not tuple
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check awslambdaric==4.2.2

seen=$("$folder/venv/bin/python" - 2>&1 <<'PYTHON'
import contextlib
import io
import logging

from awslambdaric import bootstrap
from awslambdaric.lambda_runtime_log_utils import JsonFormatter

for name, formatter in (("TEXT", logging.Formatter("%(message)s")), ("JSON", JsonFormatter())):
    logger = logging.getLogger(name)
    logger.propagate = False
    logger.setLevel(logging.INFO)
    handler = bootstrap.LambdaLoggerHandler(bootstrap.StandardLogSink())
    handler.setFormatter(formatter)
    logger.addHandler(handler)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            logger.info("stored", extra={"counts": {("bluesky", "shard 0"): 12}})
        print("awslambdaric", name, "logged")
    except Exception as error:
        print("awslambdaric", name, f"{type(error).__name__}: {error}")
PYTHON
)
echo "$seen"
[ "$seen" = "awslambdaric TEXT logged
awslambdaric JSON TypeError: keys must be str, int, float, bool or None, not tuple" ]
