#!/usr/bin/env bash
# aws-lambda-powertools 3.37.0 writes a metric of NaN as a line that is not JSON, and takes the other metrics with it.
#
# An embedded metric format document is JSON (CloudWatch User Guide, "Specification: Embedded metric format"), which has
# no NaN (RFC 8259, section 6), and CloudWatch has none either (PutMetricData: "Special values (for example, NaN,
# +Infinity, -Infinity) are not supported"). A mean of no records is such a value. `add_metric` refuses text and accepts
# NaN; a strict parser then refuses the whole line with every metric of the invocation. aws-embedded-metrics 3.5.0
# raises InvalidMetricError at the call instead.
#
# Output seen:
#   powertools {"received": [12.0], "lag": [NaN]}
#   strict parser SyntaxError
#   aws-embedded-metrics InvalidMetricError: Metric value must be finite
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    aws-lambda-powertools==3.37.0 aws-embedded-metrics==3.5.0

seen=$("$folder/venv/bin/python" - "$folder/line.json" <<'PYTHON'
import contextlib
import io
import json
import pathlib
import sys

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

metrics = Metrics(namespace="stream", service="reader")
metrics.add_metric(name="received", unit=MetricUnit.Count, value=12)
metrics.add_metric(name="lag", unit=MetricUnit.Seconds, value=float("nan"))
with contextlib.redirect_stdout(io.StringIO()) as output:
    metrics.flush_metrics()
pathlib.Path(sys.argv[1]).write_text(output.getvalue())
line = json.loads(output.getvalue())
print("powertools", json.dumps({name: line[name] for name in ("received", "lag")}))
PYTHON
node -e 'try { JSON.parse(fs.readFileSync(process.argv[1])); console.log("strict parser accepts it") }
    catch (error) { console.log("strict parser", error.name) }' "$folder/line.json"
"$folder/venv/bin/python" - <<'PYTHON'
from aws_embedded_metrics.logger.metrics_context import MetricsContext

try:
    MetricsContext.empty().put_metric("lag", float("nan"), "Seconds")
except Exception as error:
    print(f"aws-embedded-metrics {type(error).__name__}: {error}")
PYTHON
)
echo "$seen"
[ "$seen" = 'powertools {"received": [12.0], "lag": [NaN]}
strict parser SyntaxError
aws-embedded-metrics InvalidMetricError: Metric value must be finite' ]
