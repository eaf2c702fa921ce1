"""Settings of a running stack, changed and taken back: what AWS has then is what it had at first."""

import re
import shlex
import subprocess
from typing import Any

from tests.engine.stack import Project, Stack


def described(project: Project, name: str) -> dict[str, Any]:
    """The parts in AWS of which the provider keeps an attribute that the program stops naming."""
    dynamodb, kinesis = project.aws.client("dynamodb"), project.aws.client("kinesis")
    table = dynamodb.describe_table(TableName=f"{name}-EventData")["Table"]
    stream = kinesis.describe_stream_summary(StreamName=f"{name}-EventStream")["StreamDescriptionSummary"]
    mappings = project.aws.client("lambda").list_event_source_mappings(
        FunctionName=f"{name}-DDBEventProcessor"
    )["EventSourceMappings"]
    return {
        "ttl": dynamodb.describe_time_to_live(TableName=f"{name}-EventData")["TimeToLiveDescription"].get(
            "TimeToLiveStatus"
        ),
        "table key": table.get("SSEDescription", {}).get("KMSMasterKeyArn"),
        "billing": table.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED"),
        "stream key": stream["KeyId"],
        "shards": stream["OpenShardCount"],
        "mappings": [(mapping["UUID"], mapping["StartingPosition"]) for mapping in mappings],
    }


def walk(stack: Stack, **config: Any) -> dict[str, set[str]]:
    """Change settings, and see that a second `up` finds nothing to do."""
    stack.configure(**config)
    done = dict(stack.up().done)
    assert not {"replace", "create-replacement", "delete-replaced"} & done.keys()
    stack.up("--expect-no-changes")
    return done


def test_time_to_live_keys_and_capacity_are_taken_back(project: Project) -> None:
    stack = project.stack("walking")
    stack.up()
    first = described(project, "walking")
    kms = project.aws.client("kms")
    one, two = (kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2))

    walk(stack, itemLifetimeDays=30)
    assert described(project, "walking")["ttl"] == "ENABLED"
    walk(stack, itemLifetimeDays=0)

    walk(stack, kmsKeyArn=one)
    assert described(project, "walking")["table key"] == described(project, "walking")["stream key"] == one
    walk(stack, kmsKeyArn=two, kmsKeyArnPrevious=one)
    policy = project.aws.client("iam").get_role_policy(
        RoleName="walking-DDBEventProcessor", PolicyName="StoreEvents"
    )
    readable = {each["Sid"]: each["Resource"] for each in policy["PolicyDocument"]["Statement"]}
    assert set(readable["DecryptStream"]) == {one, two}
    walk(stack, kmsKeyArn="", kmsKeyArnPrevious=two)
    walk(stack, kmsKeyArnPrevious="")

    done = walk(stack, tableMode="provisioned", tableMinWriteCapacity=20, tableMaxWriteCapacity=400)
    assert done["create"] == {"table-write-capacity", "table-write-scaling"}
    project.aws.client("dynamodb").update_table(  # what auto scaling does
        TableName="walking-EventData",
        ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 123},
    )
    stack.run("refresh", "--yes", "--skip-preview")
    stack.up("--expect-no-changes")
    done = walk(stack, tableMode="on-demand")
    assert done["delete"] == {"table-write-capacity", "table-write-scaling"}

    assert described(project, "walking") == first


def test_the_mapping_keeps_its_identity_whatever_the_starting_position_says(project: Project) -> None:
    stack = project.stack("starting")
    stack.up()
    first = described(project, "starting")
    assert walk(stack, mappingStartingPosition="LATEST", functionMemory=512) == {
        "update": {"processor-function", "processor-live"}
    }
    assert described(project, "starting") == first


def test_filters_are_put_on_the_mapping_and_taken_back(project: Project) -> None:
    stack = project.stack("filtering")
    stack.up()
    first = described(project, "filtering")
    patterns = ['{"data": {"$or": [{"b": [1.0]}, {"a": ["é"]}]}}', '{"partitionKey": ["ada"]}']

    assert walk(stack, mappingFilters=patterns) == {"update": {"processor-mapping"}}
    lambda_ = project.aws.client("lambda")
    ((uuid, _),) = first["mappings"]
    found = lambda_.get_event_source_mapping(UUID=uuid)["FilterCriteria"]["Filters"]
    assert [each["Pattern"] for each in found] == patterns

    assert walk(stack, mappingFilters=[]) == {"update": {"processor-mapping"}}
    assert not lambda_.get_event_source_mapping(UUID=uuid).get("FilterCriteria", {}).get("Filters")
    assert described(project, "filtering") == first


def test_shards_are_doubled_and_halved_step_by_step(project: Project) -> None:
    stack = project.stack("resharding", streamShards=4)
    stack.up()
    for shards in (2, 1, 2):
        assert walk(stack, streamShards=shards) == {"update": {"stream-stream"}}
        assert described(project, "resharding")["shards"] == shards


def test_limits_of_an_on_demand_table_and_stream_are_set_and_taken_back(project: Project) -> None:
    stack = project.stack("limits", streamMode="on-demand")
    stack.up()
    dynamodb, kinesis = project.aws.client("dynamodb"), project.aws.client("kinesis")

    def limits() -> tuple[Any, Any]:
        table = dynamodb.describe_table(TableName="limits-EventData")["Table"]
        stream = kinesis.describe_stream_summary(StreamName="limits-EventStream")["StreamDescriptionSummary"]
        return table.get("OnDemandThroughput"), stream["WarmThroughput"]["TargetMiBps"]

    assert walk(stack, streamWarmMiBps=30, tableMaxWrites=500) == {"update": {"stream-stream", "table-table"}}
    assert limits() == ({"MaxWriteRequestUnits": 500}, 30)
    stack.configure(streamWarmMiBps=0)
    stack.run("config", "rm", "tableMaxWrites")
    refused = stack.run("preview", fails=True).text
    assert "has a ceiling of 500 writes per second" in refused
    remedy, *_ = re.findall(r"pulumi (config set .* -- -1)", refused)
    engine = project.engine
    subprocess.run(engine.command(*shlex.split(remedy)), env=engine.environment(), check=True)
    stack.up()
    stack.run("config", "rm", "tableMaxWrites")
    walk(stack)
    assert limits() == (None, 0)
    walk(stack, tableWarmWrites=8000)
    walk(stack, tableWarmWrites=0)


def test_the_quarantine_moves_to_the_namespace_of_the_account_and_back(project: Project) -> None:
    stack = project.stack("namespaces")
    stack.up()
    for namespace, name in (
        ("account", r"namespaces-quarantine-000000000000-us-east-1-an"),
        ("global", r"namespaces-quarantine-\d{26}"),
    ):
        stack.configure(quarantineNamespace=namespace)
        assert "quarantine-bucket" in dict(stack.up().done)["create-replacement"]
        stack.up("--expect-no-changes")
        assert re.fullmatch(name, stack.outputs()["quarantine_bucket"])


def test_the_limit_of_a_record_is_raised_and_taken_back(project: Project) -> None:
    stack = project.stack("large")
    stack.up()
    for kibibytes in (4096, 1024):
        assert walk(stack, streamMaxRecordKiB=kibibytes) == {"update": {"stream-stream"}}
        summary = project.aws.client("kinesis").describe_stream_summary(StreamName="large-EventStream")
        assert summary["StreamDescriptionSummary"]["MaxRecordSizeInKiB"] == kibibytes
        assert stack.outputs()["max_record_kib"] == str(kibibytes)


def test_a_producer_changes_from_a_key_to_a_policy_to_nothing_and_back(project: Project) -> None:
    stack = project.stack("roles")
    stack.up()
    walk(stack, producerIdentity="policy")
    outputs = stack.outputs()
    assert outputs["producer_policy_arn"].endswith(":policy/roles-PutEvents")
    assert "access_key" not in outputs
    walk(stack, producerIdentity="none")
    assert not {"access_key", "producer_policy_arn"} & stack.outputs().keys()
    walk(stack, producerIdentity="user")
    assert stack.outputs()["access_key"]
