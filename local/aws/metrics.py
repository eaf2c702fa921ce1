"""Puts the CloudWatch metrics that ministack does not: functions' embedded metrics, and the mappings' metrics.

A function prints embedded metric format to its log, and CloudWatch makes metrics of such lines
("Specification: Embedded metric format", Amazon CloudWatch user guide). Here a thread reads the log groups
of the functions that exist and puts the metrics.
"""

import json
import logging
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from local.aws.server import Server

_INTERVAL = 1.0
_LATE_MILLISECONDS = 2000
"""Maximum delay of a log line behind a line with a later timestamp."""
_MAX_VALUES = 150
"""Of one metric in a call (PutMetricData, API reference)."""
_MAX_METRICS = 1000

Item = TypeVar("Item")

log = logging.getLogger("local.aws.metrics")


@dataclass(frozen=True)
class Series:
    """Values that are put together: a metric with its dimensions, in one second."""

    namespace: str
    name: str
    unit: str
    dimensions: tuple[tuple[str, str], ...]
    second: int


def embedded(line: str) -> Iterator[tuple[Series, float]]:
    """Yield the values in a log line in embedded metric format; none for any other line."""
    try:
        root = json.loads(line)
        metadata = root["_aws"]
        directives = metadata["CloudWatchMetrics"]
    except (ValueError, KeyError, TypeError):
        return
    second = int(metadata["Timestamp"] / 1000)
    for directive in directives:
        for names in directive.get("Dimensions", [[]]):
            dimensions = tuple((name, str(root[name])) for name in names)
            for metric in directive["Metrics"]:
                values = root[metric["Name"]]
                series = Series(
                    directive["Namespace"], metric["Name"], metric.get("Unit", "None"), dimensions, second
                )
                for value in values if isinstance(values, list) else [values]:
                    yield series, float(value)


class Metrics:
    """Puts metrics once a second, in a thread of this process, until it is stopped."""

    def __init__(self, aws: Server) -> None:
        self._cloudwatch = aws.client("cloudwatch")
        self._lambda = aws.client("lambda")
        self._logs = aws.client("logs")
        self._values: defaultdict[Series, Counter[float]] = defaultdict(Counter)
        self._lock = threading.Lock()
        self._seen: defaultdict[str, set[tuple[str, int, str]]] = defaultdict(set)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)
        self._thread.start()

    def add(self, namespace: str, name: str, value: float, unit: str, dimensions: Mapping[str, str]) -> None:
        """Record a value; it is put within a second."""
        self._add(Series(namespace, name, unit, tuple(dimensions.items()), int(time.time())), value)

    def stop(self) -> None:
        """Stop putting metrics."""
        self._stopping.set()
        self._thread.join()

    def _add(self, series: Series, value: float) -> None:
        with self._lock:
            self._values[series][value] += 1

    def _run(self) -> None:
        while not self._stopping.wait(_INTERVAL):
            try:
                self._read_logs()
                self._put()
            except (ClientError, BotoCoreError) as error:
                log.warning("metrics are late: %s", error)

    def _read_logs(self) -> None:
        functions = self._lambda.get_paginator("list_functions").paginate().build_full_result()["Functions"]
        default = "/aws/lambda/{FunctionName}"
        for group in {
            function.get("LoggingConfig", {}).get("LogGroup") or default.format(**function)
            for function in functions
        }:
            try:
                self._read_log(group)
            except self._logs.exceptions.ResourceNotFoundException:
                continue  # the function has not logged yet

    def _read_log(self, group: str) -> None:
        seen = self._seen[group]
        since = max((timestamp for _, timestamp, _ in seen), default=_LATE_MILLISECONDS) - _LATE_MILLISECONDS
        pages = self._logs.get_paginator("filter_log_events").paginate(
            logGroupName=group, startTime=since, filterPattern="CloudWatchMetrics"
        )
        for event in pages.search("events[]"):
            key = event["logStreamName"], event["timestamp"], event["message"]  # ministack gives no event id
            if key not in seen:
                seen.add(key)
                for series, value in embedded(event["message"]):
                    self._add(series, value)
        self._seen[group] = {event for event in seen if event[1] >= since}

    def _put(self) -> None:
        with self._lock:
            values, self._values = self._values, defaultdict(Counter)
        data: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        for series, counts in values.items():
            for part in _slices(list(counts.items()), _MAX_VALUES):
                data[series.namespace].append(
                    {
                        "MetricName": series.name,
                        "Dimensions": [{"Name": name, "Value": value} for name, value in series.dimensions],
                        "Timestamp": series.second,
                        "Unit": series.unit,
                        "Values": [value for value, _ in part],
                        "Counts": [count for _, count in part],
                    }
                )
        for namespace, metrics in data.items():
            for some in _slices(metrics, _MAX_METRICS):
                self._cloudwatch.put_metric_data(Namespace=namespace, MetricData=some)


def _slices(values: list[Item], size: int) -> Iterator[list[Item]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]
