"""The warm-up period of an alarm ("WarmUpConfiguration", Amazon CloudWatch API Reference)."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from local.aws.local_aws import LocalAws
from tests.local.conftest import unique


class Watched:
    """A metric with an alarm on values below 1."""

    def __init__(self, aws: LocalAws) -> None:
        self.name = unique("silence")
        self._cloudwatch = aws.client("cloudwatch")

    def alarm(self, warm_up_minutes: int | None = None) -> None:
        warm_up = {"WarmUpPeriodDurationInMinutes": warm_up_minutes} if warm_up_minutes else None
        self._cloudwatch.put_metric_alarm(
            AlarmName=self.name,
            Namespace="Test",
            MetricName=self.name,
            Statistic="Sum",
            ComparisonOperator="LessThanThreshold",
            Threshold=1,
            Period=60,
            EvaluationPeriods=5,
            **({"WarmUpConfiguration": warm_up} if warm_up else {}),
        )

    def put(self, minutes_ago: Iterable[float]) -> None:
        for minutes in minutes_ago:
            moment = datetime.now(UTC) - timedelta(minutes=minutes)
            datum = {"MetricName": self.name, "Value": 0.0, "Timestamp": moment}
            self._cloudwatch.put_metric_data(Namespace="Test", MetricData=[datum])

    @property
    def state(self) -> str:
        (alarm,) = self._cloudwatch.describe_alarms(AlarmNames=[self.name])["MetricAlarms"]
        return str(alarm["StateValue"])

    def delete(self) -> None:
        self._cloudwatch.delete_alarms(AlarmNames=[self.name])


@pytest.fixture
def watched(aws: LocalAws) -> Iterator[Watched]:
    watched = Watched(aws)
    yield watched
    watched.delete()


def test_an_alarm_without_a_warm_up_is_evaluated_with_its_first_data(watched: Watched) -> None:
    watched.alarm()
    watched.put([0])
    assert watched.state == "ALARM"


def test_a_warm_up_ends_when_there_is_data_for_the_whole_window(watched: Watched) -> None:
    watched.alarm(warm_up_minutes=30)
    watched.put([0.5, 1.5, 2.5, 3.5])
    assert watched.state == "INSUFFICIENT_DATA"
    watched.put([4.5])
    assert watched.state == "ALARM"


def test_a_warm_up_that_an_alarm_gets_later_is_not_one(watched: Watched) -> None:
    watched.alarm()
    watched.alarm(warm_up_minutes=30)
    watched.put([0])
    assert watched.state == "ALARM"
