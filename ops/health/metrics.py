"""Reads the newest CloudWatch metrics of a stack."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ops.aws.stack import Stack
from stack.metrics import Metric

MINUTES = 5


@dataclass(frozen=True, slots=True)
class Series:
    """Values of a metric, oldest first, each with the start of its period in seconds of the epoch."""

    points: tuple[tuple[float, float], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.points)

    @property
    def values(self) -> list[float]:
        """The values alone."""
        return [value for _, value in self.points]

    @property
    def total(self) -> float:
        """Sum of the values; 0 without data."""
        return sum(self.values)

    @property
    def maximum(self) -> float:
        """Largest value; 0 without data."""
        return max(self.values, default=0)

    @property
    def newest(self) -> float:
        """The newest value; 0 without data."""
        return self.points[-1][1] if self.points else 0

    def age(self, now: float) -> float:
        """Seconds since the newest value's period began; infinite without data."""
        return now - self.points[-1][0] if self.points else float("inf")


def read_series(
    stack: Stack,
    metrics: Sequence[Metric],
    *,
    period: int = 60,
    since: timedelta = timedelta(minutes=MINUTES),
    mapping: str | None = None,
) -> list[Series]:
    """Read some metrics of the time up to now with one call, which CloudWatch charges by the metric.

    Args:
        period: seconds of one value; AWS keeps these metrics by the minute.
        mapping: UUID of the event source mapping, for its metrics.

    Returns:
        A series for each metric; a period without data is left out, so an empty series means no data.

    Raises:
        botocore.exceptions.ClientError: reading the metrics is not allowed.
    """
    now = datetime.now(UTC)
    stack.count_metrics(len(metrics))
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
                    "Period": period,
                    "Stat": metric.statistic,
                },
            }
            for index, metric in enumerate(metrics)
        ],
        StartTime=now - since,
        EndTime=now + timedelta(seconds=1),  # the time ends before it: the present second belongs to it
        ScanBy="TimestampAscending",
    )
    points = {
        result["Id"]: tuple(
            (moment.timestamp(), value)
            for moment, value in zip(result["Timestamps"], result["Values"], strict=True)
        )
        for result in answer["MetricDataResults"]
    }
    return [Series(points.get(f"m{index}", ())) for index in range(len(metrics))]


def last_minutes(stack: Stack, *metrics: Metric, mapping: str | None = None) -> list[Series]:
    """Read some metrics of the last minutes, by the minute; see `read_series`."""
    return read_series(stack, metrics, mapping=mapping)
