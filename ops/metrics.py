"""Reads the last minutes of CloudWatch metrics."""

from datetime import UTC, datetime, timedelta

from infra.alarms import Metric
from ops.stack import Stack

MINUTES = 5


def last_minutes(stack: Stack, *metrics: Metric, mapping: str | None = None) -> list[list[float]]:
    """Get the values of some metrics per minute, oldest first, with one call.

    Args:
        mapping: UUID of the event source mapping, for its metrics.

    Returns:
        A list for each metric; a minute without data is left out, so an empty list means no data.

    Raises:
        botocore.exceptions.ClientError: reading the metrics is not allowed.
    """
    now = datetime.now(UTC)
    answer = stack.cloudwatch.get_metric_data(
        MetricDataQueries=[
            {
                "Id": f"m{index}",
                "MetricStat": {
                    "Metric": {
                        "Namespace": metric.namespace,
                        "MetricName": metric.name,
                        "Dimensions": [
                            {
                                "Name": metric.dimension,
                                "Value": mapping or stack.output(f"{metric.resource}_name"),
                            }
                        ],
                    },
                    "Period": 60,
                    "Stat": metric.statistic,
                },
            }
            for index, metric in enumerate(metrics)
        ],
        StartTime=now - timedelta(minutes=MINUTES),
        EndTime=now,
        ScanBy="TimestampAscending",
    )
    values = {result["Id"]: result["Values"] for result in answer["MetricDataResults"]}
    return [values.get(f"m{index}", []) for index in range(len(metrics))]
