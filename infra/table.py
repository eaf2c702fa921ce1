"""The DynamoDB table that stores the events."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from event.item import EXPIRY_ATTRIBUTE
from event.types import event_types, load
from stack.errors import detach_commands
from stack.settings import CapacitySettings, TableSettings, table_name

Keys = Sequence[tuple[str, str]]
"""Name and DynamoDB type, S or N, of each key."""


class EventTable(pulumi.ComponentResource):
    """A table of events, with the keys of their definition.

    A table that the stack already has is never replaced: if its keys, or its event type, are others than the
    program's, preview and update fail before it is touched. So they do while a ceiling on its writes is dropped without
    -1, for which AWS's provider makes a call that AWS rejects. The engine ignores changes of both, so that what it
    returns here is what the stack has.

    It pays per request, or has provisioned write capacity that follows the load: the stream buffers what the
    table throttles until it has scaled.

    Attributes:
        table_name: name of the table.
        arn: ARN of the table.
    """

    table_name: pulumi.Output[str]
    arn: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        stack: str,
        event_type: str,
        settings: TableSettings,
        kms_key_arn: pulumi.Input[str] | None,
        protect: bool,
        tags: Mapping[str, str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("stream-processing:infra:EventTable", name, None, opts)
        capacity = settings.capacity
        keeps_ceiling = not (capacity or settings.max_writes)
        event = load(event_type)
        table = aws.dynamodb.Table(
            f"{name}-table",
            name=table_name(stack, event_type),
            billing_mode="PROVISIONED" if capacity else "PAY_PER_REQUEST",
            read_capacity=capacity.read if capacity else None,
            write_capacity=capacity.min_write if capacity else None,
            # Named only while it is set: AWS raises it too, and the provider rejects a lower value than AWS has.
            warm_throughput=aws.dynamodb.TableWarmThroughputArgs(write_units_per_second=settings.warm_writes)
            if settings.warm_writes
            else None,
            # Named only while it is set: a table without a ceiling would differ from -1 for ever.
            on_demand_throughput=aws.dynamodb.TableOnDemandThroughputArgs(
                max_write_request_units=settings.max_writes
            )
            if settings.max_writes
            else None,
            hash_key=event.keys[0].name,
            range_key=event.keys[1].name if len(event.keys) > 1 else None,
            attributes=[
                aws.dynamodb.TableAttributeArgs(name=key, type=stored_as)
                for key, stored_as in event.key_types
            ],
            # Always declared, because the provider keeps a `ttl` and a key that the program stops naming; with its
            # attribute, without which AWS does not disable it (terraform-provider-aws, issue 44730).
            ttl=aws.dynamodb.TableTtlArgs(
                enabled=settings.item_lifetime_days is not None, attribute_name=EXPIRY_ATTRIBUTE
            ),
            point_in_time_recovery=aws.dynamodb.TablePointInTimeRecoveryArgs(
                enabled=settings.point_in_time_recovery
            ),
            # Without a customer key: the key that AWS manages, whose use CloudTrail records.
            server_side_encryption=aws.dynamodb.TableServerSideEncryptionArgs(
                enabled=True,
                kms_key_arn=kms_key_arn or aws.kms.get_alias_output(name="alias/aws/dynamodb").target_key_arn,
            ),
            deletion_protection_enabled=settings.deletion_protection,
            tags=tags,
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=protect,
                ignore_changes=[
                    *("name", "hashKey", "rangeKey", "attributes"),
                    "writeCapacity",  # a change by auto scaling is not drift
                    *(["onDemandThroughput"] if keeps_ceiling else []),
                ],
            ),
        )

        def check(present: Sequence[Any]) -> str:
            urn, name, partition_key, sort_key, attributes, throughput = present
            stored_as = {attribute["name"]: attribute["type"] for attribute in attributes}
            keys = [(key, stored_as[key]) for key in (partition_key, sort_key) if key in stored_as]
            other_tables = {table_name(stack, each) for each in event_types() if each != event_type}
            if keys != event.key_types or name in other_tables:
                raise pulumi.RunError(_explain(stack, event_type, urn, name, keys))
            ceiling = (throughput or {}).get("max_write_request_units") or 0
            if keeps_ceiling and ceiling > 0:
                raise pulumi.RunError(_explain_ceiling(stack, name, ceiling))
            named = table_name(stack, event_type)
            if name != named:
                pulumi.warn(
                    f"The stack's table keeps its name, {name}: the name in the program, {named}, is for a new stack's "
                    "table. Under another name AWS would make an empty one."
                )
            return str(name)

        if capacity:
            self._scale(name, table, capacity, tags)
        # Whoever takes the name waits for the check, the function first of all.
        self.table_name = pulumi.Output.all(
            *(table.urn, table.name, table.hash_key, table.range_key, table.attributes),
            table.on_demand_throughput,
        ).apply(check)
        self.arn = table.arn
        self.register_outputs({"table_name": self.table_name, "arn": self.arn})

    def _scale(
        self, name: str, table: aws.dynamodb.Table, capacity: CapacitySettings, tags: Mapping[str, str]
    ) -> None:
        target = aws.appautoscaling.Target(
            f"{name}-write-capacity",
            service_namespace="dynamodb",
            scalable_dimension="dynamodb:table:WriteCapacityUnits",
            resource_id=pulumi.Output.concat("table/", table.name),
            min_capacity=capacity.min_write,
            max_capacity=capacity.max_write,
            tags=tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        aws.appautoscaling.Policy(
            f"{name}-write-scaling",
            name="FollowWrites",
            policy_type="TargetTrackingScaling",
            service_namespace=target.service_namespace,
            scalable_dimension=target.scalable_dimension,
            resource_id=target.resource_id,
            target_tracking_scaling_policy_configuration=(
                aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationArgs(
                    target_value=capacity.utilization,
                    predefined_metric_specification=(
                        aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecificationArgs(
                            predefined_metric_type="DynamoDBWriteCapacityUtilization"
                        )
                    ),
                )
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )


def _explain(stack: str, event_type: str, urn: str, name: str, keys: Keys) -> str:
    """Return why the table is not replaced, and what to do."""
    event = load(event_type)
    needed = table_name(stack, event_type)
    rename = f"rename event/types/{event_type}.py, because a new table needs another name, then "
    return f"""\
The stack's table is {name} with the keys {_show(keys)}, but {event.plural} are stored in {needed} with the keys \
{_show(event.key_types)}. Replacing the table would delete its rows, so it was not touched.
  Fix: create a stack of their own for the {event.plural}: pulumi stack init NAME
  Or {rename if name == needed else ""}detach the table, which stays in AWS with its rows, and run pulumi up:
{detach_commands(stack, urn)}"""


def _explain_ceiling(stack: str, name: str, ceiling: float) -> str:
    """Return why a ceiling does not go with its setting, and what to do; the CLI would read a bare -1 as an option."""
    return f"""\
The table {name} has a ceiling of {ceiling:,.0f} writes per second, which only a tableMaxWrites of -1 removes, so it \
was not touched.
  Fix: remove it, then the setting:
    pulumi config set --stack {stack} tableMaxWrites -- -1
    pulumi up --stack {stack}
    pulumi config rm --stack {stack} tableMaxWrites"""


def _show(keys: Keys) -> str:
    return " and ".join(f"{name} ({stored_as})" for name, stored_as in keys)
