"""Reads the last minutes of CloudWatch metrics."""

from datetime import UTC, datetime, timedelta

from ops.stack import Stack

MINUTES = 5


def last_minutes(
    stack: Stack, namespace: str, dimension: tuple[str, str], **statistics: str
) -> list[list[float]]:
    """Get the values of one resource's metrics per minute, oldest first, with one call.

    Args:
        dimension: name and value of the metrics' dimension.
        statistics: the statistic for each metric, by its name.

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
                        "Namespace": namespace,
                        "MetricName": name,
                        "Dimensions": [{"Name": dimension[0], "Value": dimension[1]}],
                    },
                    "Period": 60,
                    "Stat": statistic,
                },
            }
            for index, (name, statistic) in enumerate(statistics.items())
        ],
        StartTime=now - timedelta(minutes=MINUTES),
        EndTime=now,
        ScanBy="TimestampAscending",
    )
    values = {result["Id"]: result["Values"] for result in answer["MetricDataResults"]}
    return [values.get(f"m{index}", []) for index in range(len(statistics))]
