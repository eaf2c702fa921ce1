"""The stack: events on a Kinesis stream, stored by a Lambda function in a DynamoDB table."""

import pulumi
import pulumi_aws as aws

from infra.monitoring import Monitoring
from infra.processor import EventProcessor
from infra.producer import ProducerPolicy, ProducerUser
from infra.quarantine import Quarantine
from infra.settings import load, local_endpoint
from infra.stream import EventStream, explain_sharing, keep_own_stream
from infra.table import EventTable
from stack.alarm_definitions import alarms
from stack.filters.setting import advise_on_filters
from stack.outputs import ENDPOINT_OUTPUT
from stack.settings import MAX_DELIVERED_KIB, parse_settings, quarantine_prefix

settings = load(parse_settings)
if settings.alarms and not settings.alarm_email:
    pulumi.warn(
        "No address receives the alarms: pulumi config set alarmEmail ADDRESS, or subscribe another way."
    )
if settings.stream.max_record_kib > MAX_DELIVERED_KIB:
    pulumi.warn(
        f"No function can receive a record of more than {MAX_DELIVERED_KIB} KiB: it would block its shard for "
        "mappingMaximumRecordAge, and end in quarantine. For this stack alone: "
        f"pulumi config set streamMaxRecordKiB {MAX_DELIVERED_KIB}"
    )
for warning in advise_on_filters(settings.mapping.filters, settings.event_type):
    pulumi.warn(warning)
stack = pulumi.get_stack()
tags = {"Project": pulumi.get_project(), "Stack": stack, **settings.tags}
region = aws.get_region_output().region
account_id = aws.get_caller_identity_output().account_id

function_name, user_name = f"{stack}-DDBEventProcessor", f"{stack}-EventProducer"
existing = settings.existing_stream
foreign_account = None
if existing:
    keep_own_stream(stack)
    own_account = aws.get_caller_identity().account_id
    if existing.account != own_account:
        foreign_account = existing.account
        user = user_name if settings.producer_identity == "user" else None
        pulumi.warn(explain_sharing(existing, own_account, function_name, user))

stream = existing or EventStream(
    "stream",
    stream_name=f"{stack}-EventStream",
    settings=settings.stream,
    kms_key_arn=settings.kms_key_arn,
    protect=settings.protect,
    tags=tags,
)
table = EventTable(
    "table",
    stack=stack,
    event_type=settings.event_type,
    settings=settings.table,
    kms_key_arn=settings.kms_key_arn,
    protect=settings.protect,
    tags=tags,
)
quarantine = Quarantine(
    "quarantine",
    bucket_prefix=quarantine_prefix(stack),
    account_id=account_id,
    region=region,
    settings=settings.quarantine,
    kms_key_arn=settings.kms_key_arn,
    protect=settings.protect,
    tags=tags,
)
processor = EventProcessor(
    "processor",
    function_name=function_name,
    region=region,
    event_type=settings.event_type,
    stream_arn=stream.arn,
    stream_key_arn=stream.key_arn,
    table_name=table.table_name,
    table_arn=table.arn,
    quarantine_name=quarantine.bucket_name,
    quarantine_arn=quarantine.arn,
    item_lifetime_days=settings.table.item_lifetime_days,
    kms_key_arn=settings.kms_key_arn,
    kms_key_arn_previous=settings.kms_key_arn_previous,
    permissions_boundary_arn=settings.permissions_boundary_arn,
    function=settings.function,
    mapping=settings.mapping,
    tags=tags,
)
monitoring = Monitoring(
    "monitoring",
    prefix=stack,
    account_id=account_id,
    region=region,
    partition=aws.get_partition_output().partition,
    watched={
        "stream": stream.stream_name,
        "function": processor.function_name,
        "table": table.table_name,
        "mapping": processor.mapping_uuid,
    },
    alarms=alarms(
        function_timeout=settings.function.timeout,
        provisioned_table=settings.table.capacity is not None,
        existing_stream=existing is not None,
        foreign_stream=foreign_account is not None,
    )
    if settings.alarms
    else (),
    alarm_email=settings.alarm_email,
    kms_key_arn=settings.kms_key_arn,
    tags=tags,
)
if settings.producer_identity == "user":
    producer = ProducerUser(
        "producer",
        user_name=user_name,
        settings=settings.access_key,
        stream_arn=stream.arn,
        region=region,
        kms_key_arn=stream.key_arn,
        permissions_boundary_arn=settings.permissions_boundary_arn,
        tags=tags,
    )
    pulumi.export("access_key", producer.access_key)
    pulumi.export("secret_access_key", producer.secret_access_key)
elif settings.producer_identity == "policy":
    policy = ProducerPolicy(
        "producer",
        policy_name=f"{stack}-PutEvents",
        stream_arn=stream.arn,
        region=region,
        kms_key_arn=stream.key_arn,
        tags=tags,
    )
    pulumi.export("producer_policy_arn", policy.arn)

pulumi.export("region", region)
pulumi.export("event_type", settings.event_type)
pulumi.export("stream_name", stream.stream_name)
pulumi.export("stream_arn", stream.arn)
if foreign_account:
    pulumi.export("stream_account", foreign_account)
pulumi.export("max_record_kib", str(settings.stream.max_record_kib))  # text, as all outputs are
pulumi.export("table_name", table.table_name)
pulumi.export("function_name", processor.function_name)
pulumi.export("quarantine_bucket", quarantine.bucket_name)
pulumi.export("dashboard_url", monitoring.dashboard_url)
pulumi.export("alarm_topic_arn", monitoring.alarm_topic_arn)
if endpoint := local_endpoint():
    pulumi.export(ENDPOINT_OUTPUT, endpoint)  # where the producer and the operator's commands find the stack
