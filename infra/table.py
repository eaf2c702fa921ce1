"""The DynamoDB table that stores the events."""

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from event.item import EXPIRY_ATTRIBUTE
from event.schema import Schema
from stack.settings import CapacitySettings, TableSettings


class EventTable(pulumi.ComponentResource):
    """A table of events, with the keys of their definition.

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
        table_name: str,
        event: Schema,
        settings: TableSettings,
        kms_key_arn: pulumi.Input[str] | None,
        protect: bool,
        tags: Mapping[str, str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("stream-processing:infra:EventTable", name, None, opts)
        capacity = settings.capacity
        table = aws.dynamodb.Table(
            f"{name}-table",
            name=table_name,
            billing_mode="PROVISIONED" if capacity else "PAY_PER_REQUEST",
            read_capacity=capacity.read if capacity else None,
            write_capacity=capacity.min_write if capacity else None,
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
            # A change by auto scaling is not drift.
            opts=pulumi.ResourceOptions(parent=self, protect=protect, ignore_changes=["writeCapacity"]),
        )
        if capacity:
            self._scale(name, table, capacity, tags)
        self.table_name = table.name
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
