"""Adds the warm-up period of an alarm to ministack's CloudWatch.

A new alarm with a warm-up stays in INSUFFICIENT_DATA, without actions, until the period ends or there is data in
each part of its evaluation window; a later change does not start another ("WarmUpConfiguration", Amazon CloudWatch
API Reference).
"""

import time
from typing import Any

from ministack.core.responses import AccountRegionScopedDict
from ministack.services import cloudwatch

from local.aws.faults import Answer

_put_metric_alarm = cloudwatch._put_metric_alarm
_evaluate_alarm = cloudwatch._evaluate_alarm

_warm_ups = AccountRegionScopedDict()
"""When the warm-up of each alarm that has one ends, by the alarm's name."""


def install() -> None:
    """Make this process's ministack keep an alarm's warm-up, and not evaluate the alarm until it has ended."""
    cloudwatch._put_metric_alarm = _put_with_warm_up
    cloudwatch._evaluate_alarm = _evaluate_when_warm


def _put_with_warm_up(params: Any, data: dict[str, Any], *protocol: bool) -> Answer:
    name, warm_up = data["AlarmName"], data.get("WarmUpConfiguration")
    if name not in cloudwatch._alarms:
        minutes = warm_up["WarmUpPeriodDurationInMinutes"] if warm_up else 0
        _warm_ups[name] = time.time() + 60 * minutes
    answer: Answer = _put_metric_alarm(params, data, *protocol)
    if warm_up and name in cloudwatch._alarms:
        cloudwatch._alarms[name]["WarmUpConfiguration"] = warm_up
    return answer


def _evaluate_when_warm(alarm: dict[str, Any]) -> None:
    name = alarm["AlarmName"]
    if time.time() < _warm_ups[name] and not _window_is_full(alarm):
        return
    _warm_ups[name] = 0.0
    _evaluate_alarm(alarm)


def _window_is_full(alarm: dict[str, Any]) -> bool:
    wanted = (alarm["Namespace"], alarm["MetricName"])
    ages = {
        int((time.time() - point["Timestamp"]) // alarm["Period"])
        for key, points in cloudwatch._metrics.items()
        if key[:2] == wanted
        for point in points
    }
    return ages >= set(range(alarm["EvaluationPeriods"]))
