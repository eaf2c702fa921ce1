"""The last minutes of CloudWatch metrics."""

from datetime import UTC, datetime, timedelta

from ops.stack import Stack

MINUTES = 5


def last_minutes(
    stack: Stack, namespace: str, dimension: tuple[str, str], **statistics: str
) -> list[list[float]]:
    """The values of some metrics of one resource, minute by minute, oldest first, with one call.

    Args:
        dimension: name and value of the metrics' dimension.
        statistics: the statistic for each metric, by its name.

    Returns:
        A list for each metric; a minute without data has no value, and an empty list means no data.

    Raises:
        botocore.exceptions.ClientError: the metrics may not be read.
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
