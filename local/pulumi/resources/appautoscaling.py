"""Application Auto Scaling: the scalable target and the target tracking policy of a table's write capacity."""

from collections.abc import Collection
from typing import Any, ClassVar, Final

from local.pulumi.provider.resource import NotFoundError, Properties, Resource, retag
from local.pulumi.provider.schema import Block, Inputs, Integer, Number, Strings, Text

NAMESPACE: Final = "dynamodb"
DIMENSION: Final = "dynamodb:table:WriteCapacityUnits"

_IDENTITY: Inputs = {
    "serviceNamespace": Text(required=True, one_of=(NAMESPACE,), replaces=True),
    "scalableDimension": Text(required=True, one_of=(DIMENSION,), replaces=True),
    "resourceId": Text(required=True, pattern="table/.+", replaces=True),
}


def _identity(resource_id: str) -> dict[str, Any]:
    return {"ServiceNamespace": NAMESPACE, "ScalableDimension": DIMENSION, "ResourceId": resource_id}


class Target(Resource):
    """A scalable target; its id is the resource id."""

    token = "aws:appautoscaling/target:Target"
    inputs: ClassVar[Inputs] = {
        **_IDENTITY,
        "minCapacity": Integer(required=True, low=1),
        "maxCapacity": Integer(required=True, low=1),
        "tags": Strings(),
    }

    def create_resource(self, inputs: Properties) -> Properties:
        tags = {"Tags": inputs["tags"]} if inputs.get("tags") else {}
        self._register(inputs, **tags)
        return {"id": inputs["resourceId"]}

    def read_resource(self, id_: str, _known: Properties) -> Properties:
        targets = self.aws.appautoscaling.describe_scalable_targets(
            ServiceNamespace=NAMESPACE, ResourceIds=[id_], ScalableDimension=DIMENSION
        )["ScalableTargets"]
        if not targets:
            raise NotFoundError(f"scalable target {id_} does not exist")
        arn = targets[0]["ScalableTargetARN"]
        tags = self.aws.appautoscaling.list_tags_for_resource(ResourceARN=arn)["Tags"]
        return {
            "arn": arn,
            "serviceNamespace": NAMESPACE,
            "scalableDimension": DIMENSION,
            "resourceId": id_,
            "minCapacity": targets[0]["MinCapacity"],
            "maxCapacity": targets[0]["MaxCapacity"],
            "tags": tags,
            "tagsAll": tags,
        }

    def update_resource(self, id_: str, inputs: Properties, changed: Collection[str]) -> None:
        if {"minCapacity", "maxCapacity"} & set(changed):
            self._register(inputs)
        if "tags" in changed:
            actual = self.read_resource(id_, {})
            client, arn = self.aws.appautoscaling, actual["arn"]
            retag(
                actual["tags"],
                inputs.get("tags"),
                lambda keys: client.untag_resource(ResourceARN=arn, TagKeys=keys),
                lambda tags: client.tag_resource(ResourceARN=arn, Tags=tags),
            )

    def delete_resource(self, id_: str, _state: Properties) -> None:
        self.aws.appautoscaling.deregister_scalable_target(**_identity(id_))

    def _register(self, inputs: Properties, **tags: Any) -> None:
        self.aws.appautoscaling.register_scalable_target(
            **_identity(inputs["resourceId"]),
            MinCapacity=inputs["minCapacity"],
            MaxCapacity=inputs["maxCapacity"],
            **tags,
        )


class Policy(Resource):
    """A target tracking policy; its id is the name."""

    token = "aws:appautoscaling/policy:Policy"
    named_by = "name"
    inputs: ClassVar[Inputs] = {
        **_IDENTITY,
        "name": Text(replaces=True),
        "policyType": Text(required=True, one_of=("TargetTrackingScaling",)),
        "targetTrackingScalingPolicyConfiguration": Block(
            required=True,
            fields={
                "targetValue": Number(required=True),
                "predefinedMetricSpecification": Block(
                    required=True, fields={"predefinedMetricType": Text(required=True)}
                ),
            },
        ),
    }

    def create_resource(self, inputs: Properties) -> Properties:
        self.update_resource(inputs["name"], inputs, ())
        return {"id": inputs["name"]}

    def read_resource(self, id_: str, known: Properties) -> Properties:
        policies = self.aws.appautoscaling.describe_scaling_policies(
            ServiceNamespace=NAMESPACE, ResourceId=known["resourceId"], PolicyNames=[id_]
        )["ScalingPolicies"]
        if not policies:
            raise NotFoundError(f"scaling policy {id_} does not exist")
        tracking = policies[0]["TargetTrackingScalingPolicyConfiguration"]
        metric = tracking["PredefinedMetricSpecification"]["PredefinedMetricType"]
        return {
            "arn": policies[0]["PolicyARN"],
            "name": id_,
            "policyType": policies[0]["PolicyType"],
            "serviceNamespace": NAMESPACE,
            "scalableDimension": DIMENSION,
            "resourceId": policies[0]["ResourceId"],
            "targetTrackingScalingPolicyConfiguration": {
                "targetValue": tracking["TargetValue"],
                "predefinedMetricSpecification": {"predefinedMetricType": metric},
            },
        }

    def update_resource(self, id_: str, inputs: Properties, _changed: Collection[str]) -> None:
        tracking = inputs["targetTrackingScalingPolicyConfiguration"]
        metric = tracking["predefinedMetricSpecification"]["predefinedMetricType"]
        self.aws.appautoscaling.put_scaling_policy(
            **_identity(inputs["resourceId"]),
            PolicyName=id_,
            PolicyType=inputs["policyType"],
            TargetTrackingScalingPolicyConfiguration={
                "TargetValue": tracking["targetValue"],
                "PredefinedMetricSpecification": {"PredefinedMetricType": metric},
            },
        )

    def delete_resource(self, id_: str, state: Properties) -> None:
        self.aws.appautoscaling.delete_scaling_policy(**_identity(state["resourceId"]), PolicyName=id_)
