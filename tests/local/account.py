"""An account in a real local AWS, for the tests of the resource types."""

import json
from dataclasses import dataclass
from functools import cache
from typing import Any, Self

import pulumi

from local.aws.local_aws import LocalAws
from local.pulumi.provider.aws import SERVICES, Aws
from local.pulumi.provider.resource import Properties, Resource
from local.pulumi.resources import RESOURCES
from tests.local.conftest import READ_STREAM, TRUST_LAMBDA, unique


@dataclass
class CreatedResource:
    """A resource in AWS; `given` are its inputs as a program has them, `inputs` the checked ones."""

    kind: Resource
    given: Properties
    inputs: Properties
    state: Properties

    def __getitem__(self, key: str) -> Any:
        return self.state[key]

    @property
    def id(self) -> str:
        return str(self.state["id"])

    def change(self, **inputs: Any) -> set[str]:
        """Update to other inputs (None to leave one out); return the changed properties."""
        self.given |= inputs
        self.inputs, wrong = self.kind.check("x", self.given, self.state)
        assert not wrong
        changes = self.changes()
        self.state = self.kind.update(self.id, self.state, self.inputs)
        assert not self.changes(), "what was changed is still a change"
        return changes

    def changes(self) -> set[str]:
        return set(self.kind.diff(self.state, self.inputs))

    def refresh(self) -> Properties | None:
        return self.kind.read(self.id, self.state)


class Account:
    """Creates resources in a local AWS, with their prerequisites."""

    def __init__(self, local: LocalAws) -> None:
        self.aws = _connection(local.endpoint)
        self.created: list[CreatedResource] = []

    def create(self, token: str, **inputs: Any) -> CreatedResource:
        kind = RESOURCES[token](self.aws)
        checked, wrong = kind.check(unique("x"), inputs)
        assert not wrong
        self.created.append(CreatedResource(kind, inputs, checked, kind.create(checked)))
        return self.created[-1]

    def stream(self, **inputs: Any) -> CreatedResource:
        return self.create("aws:kinesis/stream:Stream", **{"shardCount": 1.0, **inputs})

    def table(self, **inputs: Any) -> CreatedResource:
        return self.create(
            "aws:dynamodb/table:Table",
            **{
                "hashKey": "Username",
                "rangeKey": "Id",
                "attributes": [{"name": "Username", "type": "S"}, {"name": "Id", "type": "S"}],
                "billingMode": "PAY_PER_REQUEST",
                **inputs,
            },
        )

    def bucket(self, **inputs: Any) -> CreatedResource:
        return self.create("aws:s3/bucket:Bucket", **inputs)

    def role(self, **inputs: Any) -> CreatedResource:
        policy = json.dumps(TRUST_LAMBDA)
        return self.create("aws:iam/role:Role", assumeRolePolicy=policy, **inputs)

    def user(self, **inputs: Any) -> CreatedResource:
        return self.create("aws:iam/user:User", **inputs)

    def policy(self, **inputs: Any) -> CreatedResource:
        return self.create("aws:iam/policy:Policy", policy=allow(["s3:GetObject"], "*"), **inputs)

    def topic(self, **inputs: Any) -> CreatedResource:
        return self.create("aws:sns/topic:Topic", **inputs)

    def log_group(self, **inputs: Any) -> CreatedResource:
        return self.create("aws:cloudwatch/logGroup:LogGroup", **inputs)

    def function(self, **inputs: Any) -> CreatedResource:
        code = pulumi.AssetArchive({"app.py": pulumi.StringAsset("def handle(event, context): pass")})
        return self.create(
            "aws:lambda/function:Function",
            **{"role": self.role()["arn"], "handler": "app.handle", "runtime": "python3.13", "code": code}
            | inputs,
        )

    def mapping(self, **inputs: Any) -> CreatedResource:
        stream, function = self.stream(), self.function()
        role = function["role"].rpartition("/")[2]
        self.create("aws:iam/rolePolicy:RolePolicy", role=role, policy=allow(READ_STREAM, stream["arn"]))
        return self.create(
            "aws:lambda/eventSourceMapping:EventSourceMapping",
            functionName=function["name"],
            eventSourceArn=stream["arn"],
            startingPosition="TRIM_HORIZON",
            **inputs,
        )

    def alarm(self, **inputs: Any) -> CreatedResource:
        return self.create(
            "aws:cloudwatch/metricAlarm:MetricAlarm",
            **{
                "namespace": "AWS/Lambda",
                "metricName": "IteratorAge",
                "statistic": "Maximum",
                "comparisonOperator": "GreaterThanThreshold",
                "threshold": 60000.0,
                "period": 60.0,
                "evaluationPeriods": 5.0,
                "dimensions": {"FunctionName": "f"},
                **inputs,
            },
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for made in reversed(self.created):
            made.kind.delete(made.id, made.state)


@cache  # making clients takes most of the time of a test
def _connection(endpoint: str) -> Aws:
    return Aws("us-east-1", "test", "test", dict.fromkeys(SERVICES, endpoint))


def allow(actions: list[str], *resources: str, principal: str | None = None) -> str:
    statement: dict[str, Any] = {"Effect": "Allow", "Action": actions, "Resource": list(resources)}
    if principal:
        statement["Principal"] = {"Service": principal}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
