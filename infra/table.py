"""The DynamoDB table that stores the tweets."""

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from handler.settings import EXPIRY_ATTRIBUTE
from infra.settings import TableSettings


class EventTable(pulumi.ComponentResource):
    """A table of tweets, keyed by user and tweet id, that pays per request.

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
        settings: TableSettings,
        kms_key_arn: str | None,
        protect: bool,
        tags: Mapping[str, str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("stream-processing:infra:EventTable", name, None, opts)
        table = aws.dynamodb.Table(
            f"{name}-table",
            name=table_name,
            billing_mode="PAY_PER_REQUEST",
            hash_key="Username",
            range_key="Id",
            attributes=[
                aws.dynamodb.TableAttributeArgs(name="Username", type="S"),
                aws.dynamodb.TableAttributeArgs(name="Id", type="S"),
            ],
            ttl=aws.dynamodb.TableTtlArgs(enabled=True, attribute_name=EXPIRY_ATTRIBUTE)
            if settings.item_lifetime_days
            else None,
            point_in_time_recovery=aws.dynamodb.TablePointInTimeRecoveryArgs(
                enabled=settings.point_in_time_recovery
            ),
            # Without a key of the user's: alias/aws/dynamodb, whose use CloudTrail records.
            server_side_encryption=aws.dynamodb.TableServerSideEncryptionArgs(
                enabled=True, kms_key_arn=kms_key_arn
            ),
            deletion_protection_enabled=settings.deletion_protection,
            tags=tags,
            opts=pulumi.ResourceOptions(parent=self, protect=protect),
        )
        self.table_name = table.name
        self.arn = table.arn
        self.register_outputs({"table_name": self.table_name, "arn": self.arn})
