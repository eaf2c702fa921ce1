#!/usr/bin/env bash
# aws-lambda-powertools 3.37.0 and aws-embedded-metrics 3.5.0: a metric named like a dimension replaces the dimension.
#
# Dimensions and metrics are both members of the document's root, found by name: the member that a dimension names must
# hold a string, the one that a metric names a number (CloudWatch User Guide, "Specification: Embedded metric format",
# "Target members"). One name for both, e.g. the dimension `shard` = the shard's id and the metric `shard` = how many,
# cannot be written. Both libraries accept the two and write the number over the string without an error or a warning;
# the document still lists `shard` as a dimension, whose value is then no string.
#
# Output seen:
#   powertools dimensions [['shard', 'service']], shard [4.0]
#   aws-embedded-metrics dimensions [['shard']], shard 4
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    aws-lambda-powertools==3.37.0 aws-embedded-metrics==3.5.0

seen=$("$folder/venv/bin/python" -W error - <<'PYTHON'
import json

from aws_embedded_metrics.logger.metrics_context import MetricsContext
from aws_embedded_metrics.serializers.log_serializer import LogSerializer
from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit


def show(library, document):
    (directive,) = document["_aws"]["CloudWatchMetrics"]
    print(f"{library} dimensions {directive['Dimensions']}, shard {document['shard']}")


metrics = Metrics(namespace="stream", service="reader")
metrics.add_dimension(name="shard", value="shardId-000000000000")
metrics.add_metric(name="shard", unit=MetricUnit.Count, value=4)
show("powertools", metrics.serialize_metric_set())

context = MetricsContext.empty()
context.put_dimensions({"shard": "shardId-000000000000"})
context.put_metric("shard", 4, "Count")
(line,) = LogSerializer.serialize(context)
show("aws-embedded-metrics", json.loads(line))
PYTHON
)
echo "$seen"
[ "$seen" = "powertools dimensions [['shard', 'service']], shard [4.0]
aws-embedded-metrics dimensions [['shard']], shard 4" ]
