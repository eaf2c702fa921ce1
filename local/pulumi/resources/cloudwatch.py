"""CloudWatch: alarms and dashboards."""

from collections.abc import Collection, Iterable
from typing import Any, ClassVar

from local.pulumi.provider.resource import NotFoundError, Properties, Resource, retag, tag_list, tag_map
from local.pulumi.provider.schema import (
    UNKNOWN,
    Block,
    Flag,
    Inputs,
    Integer,
    Items,
    Json,
    Number,
    Strings,
    Text,
)

COMPARISONS = (
    "GreaterThanOrEqualToThreshold",
    "GreaterThanThreshold",
    "LessThanOrEqualToThreshold",
    "LessThanThreshold",
)
STATISTICS = ("Average", "Maximum", "Minimum", "SampleCount", "Sum")


def _parameter(name: str) -> str:
    """Return the name of CloudWatch's parameter for an input."""
    return name[0].upper() + name[1:]


class MetricAlarm(Resource):
    """An alarm on one metric; its id is the name."""

    token = "aws:cloudwatch/metricAlarm:MetricAlarm"
    named_by = "name"
    warm_up: ClassVar[Inputs] = {
        "warmUpPeriodDurationInMinutes": Integer(low=1, high=2880, required=True),
        "onlyStartEvaluatingAfterWarmUpPeriodEnds": Flag(default=False),
    }
    inputs: ClassVar[Inputs] = {
        "name": Text(pattern=".{1,255}", replaces=True),
        "alarmDescription": Text(),
        "namespace": Text(required=True),
        "metricName": Text(required=True),
        "dimensions": Strings(),
        "statistic": Text(required=True, one_of=STATISTICS),
        "comparisonOperator": Text(required=True, one_of=COMPARISONS),
        "threshold": Number(required=True),
        "period": Integer(low=10, required=True),  # seconds
        "evaluationPeriods": Integer(low=1, required=True),
        "datapointsToAlarm": Integer(low=1, computed=True),
        "treatMissingData": Text(
            one_of=("breaching", "ignore", "missing", "notBreaching"), default="missing"
        ),
        "alarmActions": Items(item=Text()),
        "okActions": Items(item=Text()),
        "warmUpConfiguration": Block(fields=warm_up),
        "tags": Strings(),
    }
    # PutMetricAlarm's parameters, by the input's name.
    settings = {key: _parameter(key) for key in inputs} | {"name": "AlarmName", "okActions": "OKActions"}

    def contradictions(self, inputs: Properties) -> Iterable[tuple[str, str]]:
        most, least = inputs["evaluationPeriods"], inputs.get("datapointsToAlarm", 1)
        if UNKNOWN not in (most, least) and least > most:
            yield "datapointsToAlarm", f"{least} is more than evaluationPeriods, {most}"

    def create_resource(self, inputs: Properties) -> Properties:
        self._put(inputs, Tags=tag_list(inputs.get("tags")))
        return {"id": inputs["name"]}

    def read_resource(self, id_: str, _known: Properties) -> Properties:
        alarms: Any = self.aws.cloudwatch.describe_alarms(AlarmNames=[id_])["MetricAlarms"]
        if not alarms:
            raise NotFoundError(f"alarm {id_} does not exist")
        alarm = alarms[0]
        warm_up = alarm.get("WarmUpConfiguration", {})
        tags = tag_map(self.aws.cloudwatch.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"])
        return (
            {key: alarm.get(name) for key, name in self.settings.items()}
            | {"dimensions": {one["Name"]: one["Value"] for one in alarm.get("Dimensions", [])}}
            | {"warmUpConfiguration": {key: warm_up.get(_parameter(key)) for key in self.warm_up}}
            | {"treatMissingData": alarm.get("TreatMissingData", "missing")}
            | {"arn": alarm["AlarmArn"], "region": self.aws.region, "tags": tags, "tagsAll": tags}
        )

    def update_resource(self, id_: str, inputs: Properties, changed: Collection[str]) -> None:
        if set(changed) - {"tags"}:
            self._put(inputs)
        if "tags" in changed:
            cloudwatch, actual = self.aws.cloudwatch, self.read_resource(id_, {})
            retag(
                actual["tags"],
                inputs.get("tags"),
                lambda keys: cloudwatch.untag_resource(ResourceARN=actual["arn"], TagKeys=keys),
                lambda tags: cloudwatch.tag_resource(ResourceARN=actual["arn"], Tags=tag_list(tags)),
            )

    def delete_resource(self, id_: str, _state: Properties) -> None:
        self.aws.cloudwatch.delete_alarms(AlarmNames=[id_])

    def _put(self, inputs: Properties, **more: Any) -> None:
        wanted = {name: inputs[key] for key, name in self.settings.items() if key in inputs and key != "tags"}
        if "Dimensions" in wanted:
            wanted["Dimensions"] = [
                {"Name": key, "Value": value} for key, value in inputs["dimensions"].items()
            ]
        if "WarmUpConfiguration" in wanted:
            wanted["WarmUpConfiguration"] = {
                _parameter(key): value for key, value in inputs["warmUpConfiguration"].items()
            }
        self.aws.cloudwatch.put_metric_alarm(**wanted, **more)


class Dashboard(Resource):
    """A dashboard; its id is the name."""

    token = "aws:cloudwatch/dashboard:Dashboard"
    inputs: ClassVar[Inputs] = {
        "dashboardName": Text(pattern=r"[\w-]{1,255}", required=True, replaces=True),
        "dashboardBody": Json(required=True),
    }

    def create_resource(self, inputs: Properties) -> Properties:
        self.update_resource(inputs["dashboardName"], inputs, ("dashboardBody",))
        return {"id": inputs["dashboardName"]}

    def read_resource(self, id_: str, _known: Properties) -> Properties:
        dashboard = self.aws.cloudwatch.get_dashboard(DashboardName=id_)
        return {
            "dashboardName": id_,
            "dashboardBody": dashboard["DashboardBody"],
            "dashboardArn": dashboard["DashboardArn"],
        }

    def update_resource(self, id_: str, inputs: Properties, _changed: Collection[str]) -> None:
        self.aws.cloudwatch.put_dashboard(DashboardName=id_, DashboardBody=inputs["dashboardBody"])

    def delete_resource(self, id_: str, _state: Properties) -> None:
        self.aws.cloudwatch.delete_dashboards(DashboardNames=[id_])
