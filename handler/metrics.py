"""The function's metrics, in CloudWatch's Embedded Metric Format.

A JSON line on standard output becomes metrics without a call to CloudWatch ("Specification: Embedded
metric format", Amazon CloudWatch User Guide).
"""

import json
import time
from collections.abc import Mapping

from event.metrics import DIMENSION, NAMESPACE, UNITS


def metrics_line(function: str, values: Mapping[str, int]) -> str:
    """Format the values of metrics, by name, as one line of the log."""
    return json.dumps(
        {
            "_aws": {
                "Timestamp": time.time_ns() // 1_000_000,
                "CloudWatchMetrics": [
                    {
                        "Namespace": NAMESPACE,
                        "Dimensions": [[DIMENSION]],
                        "Metrics": [{"Name": name, "Unit": UNITS[name]} for name in values],
                    }
                ],
            },
            DIMENSION: function,
            **values,
        }
    )
