import json
from pathlib import Path

import pulumi
import pytest

from infra import archive
from stack.project import PROJECT
from tests.infra.recorder import DEV_TAGS, KEY, PREVIOUS_KEY, Deployed, deploy


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_the_role_may_do_exactly_what_lambda_and_the_function_do(
    stack: str, request: pytest.FixtureRequest
) -> None:
    deployed: Deployed = request.getfixturevalue(stack)
    bucket = deployed.arn("quarantine-bucket")
    assert deployed.policy("processor-policy") == {
        "ReadStream": (
            "Allow",
            {
                "kinesis:DescribeStream",
                "kinesis:DescribeStreamSummary",
                "kinesis:GetRecords",
                "kinesis:GetShardIterator",
                "kinesis:ListShards",
            },
            {f"arn:aws:kinesis:us-east-1:123456789012:{stack}-EventStream"},
        ),
        "WriteTable": (
            "Allow",
            {"dynamodb:BatchWriteItem"},
            {f"arn:aws:dynamodb:us-east-1:123456789012:{stack}-EventData"},
        ),
        "WriteLog": (
            "Allow",
            {"logs:CreateLogStream", "logs:PutLogEvents"},
            {f"{deployed.arn('processor-log-group')}:*"},
        ),
        "WriteQuarantine": ("Allow", {"s3:PutObject"}, {f"{bucket}/records/*", f"{bucket}/aws/lambda/*"}),
        "FindQuarantine": ("Allow", {"s3:ListBucket"}, {bucket}),
    }


def test_no_identity_has_a_wildcard_action_or_a_bare_wildcard_resource(dev: Deployed) -> None:
    for name in ("processor-policy", "producer-policy"):
        for _, actions, resources in dev.policy(name).values():
            assert not any("*" in action for action in actions)
            assert "*" not in resources


def test_a_customer_key_and_tracing_add_their_actions_only() -> None:
    plain = deploy().policy("processor-policy")
    extended = deploy(kmsKeyArn=KEY, functionTracing=True).policy("processor-policy")
    added = {sid: statement for sid, statement in extended.items() if sid not in plain}
    assert added == {
        "DecryptStream": ("Allow", {"kms:Decrypt"}, {KEY}),
        "UseTableKey": (
            "Allow",
            {
                "kms:Decrypt",
                "kms:DescribeKey",
                "kms:Encrypt",
                "kms:GenerateDataKey",
                "kms:GenerateDataKeyWithoutPlaintext",
                "kms:ReEncryptFrom",
                "kms:ReEncryptTo",
            },
            {KEY},
        ),
        "EncryptQuarantine": ("Allow", {"kms:GenerateDataKey"}, {KEY}),
        "SendTraces": ("Allow", {"xray:PutTelemetryRecords", "xray:PutTraceSegments"}, {"*"}),
    }
    assert {sid: extended[sid] for sid in plain} == plain


def test_only_lambda_may_assume_the_role(dev: Deployed) -> None:
    role = dev.one("Role").inputs
    assert json.loads(role["assumeRolePolicy"])["Statement"] == [
        {
            "Sid": "Lambda",
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": ["sts:AssumeRole"],
        }
    ]
    assert set(role) == {"name", "assumeRolePolicy", "tags"}, "no managed policy, no inline policy"


def test_a_key_is_used_through_the_services_of_the_european_sovereign_cloud() -> None:
    key = "arn:aws-eusc:kms:eusc-de-east-1:123456789012:key/0f7c2d2e-0000-4000-8000-000000000000"
    stack = deploy(partition="aws-eusc", region="eusc-de-east-1", kmsKeyArn=key)
    conditions = stack.conditions("processor-policy")
    assert [each["StringEquals"]["kms:ViaService"] for each in conditions.values()] == [
        f"{service}.eusc-de-east-1.amazonaws.eu" for service in ("kinesis", "dynamodb", "s3")
    ]


def test_a_key_is_used_through_one_service_and_for_one_stream() -> None:
    stack = deploy(kmsKeyArn=KEY)
    through_stream = {
        "StringEquals": {
            "kms:ViaService": "kinesis.us-east-1.amazonaws.com",
            "kms:EncryptionContext:aws:kinesis:arn": stack.arn("stream-stream"),
        }
    }
    assert stack.conditions("processor-policy") == {
        "DecryptStream": through_stream,
        "UseTableKey": {"StringEquals": {"kms:ViaService": "dynamodb.us-east-1.amazonaws.com"}},
        "EncryptQuarantine": {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}},
    }
    assert stack.conditions("producer-policy") == {"EncryptRecords": through_stream}


def test_data_encrypted_under_the_previous_key_stays_readable() -> None:
    changed = deploy(kmsKeyArn=KEY, kmsKeyArnPrevious=PREVIOUS_KEY).policy("processor-policy")
    assert changed["DecryptStream"] == ("Allow", {"kms:Decrypt"}, {KEY, PREVIOUS_KEY})
    assert changed["ReadPreviousTableKey"] == (
        "Allow",
        {"kms:Decrypt", "kms:DescribeKey", "kms:ReEncryptFrom"},
        {PREVIOUS_KEY},
    )
    removed = deploy(kmsKeyArnPrevious=PREVIOUS_KEY).policy("processor-policy")
    assert removed["DecryptStream"] == ("Allow", {"kms:Decrypt"}, {PREVIOUS_KEY})


def test_a_customer_key_encrypts_the_log_and_the_alarm_topic() -> None:
    stack = deploy(kmsKeyArn=KEY)
    assert stack.one("LogGroup").inputs["kmsKeyId"] == KEY
    assert stack.one("Topic").inputs["kmsMasterKeyId"] == KEY


def test_the_mapping_keeps_its_identity_when_the_starting_position_changes(dev: Deployed) -> None:
    assert dev.one("EventSourceMapping").ignored == {"startingPosition"}


def test_the_role_has_one_policy(dev: Deployed) -> None:
    assert dev.one("RolePolicy").inputs["role"] == "dev-DDBEventProcessor"


def test_the_function_has_exactly_the_inputs_that_it_needs(dev: Deployed) -> None:
    function = dict(dev.one("Function").inputs)
    assert isinstance(function.pop("code"), pulumi.AssetArchive)
    assert function == {
        "name": "dev-DDBEventProcessor",
        "description": "Stores the events of the stream in the table",
        "runtime": "python3.13",
        "handler": "handler.app.lambda_handler",
        "architectures": ["arm64"],
        "role": dev.arn("processor-role"),
        "memorySize": 256,
        "timeout": 60,
        "environment": {
            "variables": {
                "EVENT_TYPE": "tweet",
                "TABLE_NAME": "dev-EventData",
                "QUARANTINE_BUCKET": dev.outputs["quarantine_bucket"],
            }
        },
        "loggingConfig": {
            "logFormat": "JSON",
            "logGroup": "/aws/lambda/dev-DDBEventProcessor",
            "applicationLogLevel": "INFO",
            "systemLogLevel": "INFO",
        },
        "tracingConfig": {"mode": "PassThrough"},
        "publish": True,
        "tags": DEV_TAGS,
    }


def test_the_log_group_exists_before_the_function_and_expires_its_lines(
    dev: Deployed, prod: Deployed
) -> None:
    group = dev.one("LogGroup")
    assert (group.inputs["name"], group.inputs["retentionInDays"]) == (
        "/aws/lambda/dev-DDBEventProcessor",
        7,
    )
    assert group.urn in dev.one("Function").depends_on
    assert prod.one("LogGroup").inputs["retentionInDays"] == 90


def test_the_mapping_never_blocks_a_shard_and_never_drops_a_record(dev: Deployed) -> None:
    assert dev.one("EventSourceMapping").inputs == {
        "eventSourceArn": dev.arn("stream-stream"),
        "functionName": dev.arn("processor-live"),
        "startingPosition": "TRIM_HORIZON",
        "batchSize": 500,
        "maximumBatchingWindowInSeconds": 1,
        "parallelizationFactor": 1,
        "functionResponseTypes": ["ReportBatchItemFailures"],
        "bisectBatchOnFunctionError": True,
        "maximumRetryAttempts": 1000,
        "maximumRecordAgeInSeconds": 43200,
        "destinationConfig": {"onFailure": {"destinationArn": dev.arn("quarantine-bucket")}},
        "metricsConfig": {"metrics": ["EventCount"]},
        "tags": DEV_TAGS,
    }


def test_the_mapping_waits_for_the_policy_that_lets_it_read(dev: Deployed) -> None:
    assert dev.one("RolePolicy").urn in dev.one("EventSourceMapping").depends_on


ENGLISH = '{"data": {"lang": ["en"]}}'
LONG = '{"data": {"text": [{"wildcard": "*long*"}]}}'


def test_the_settings_of_function_and_mapping_reach_them() -> None:
    stack = deploy(
        functionMemory=1024,
        functionTimeout=120,
        functionArchitecture="x86_64",
        functionLogLevel="DEBUG",
        functionTracing=True,
        mappingBatchSize=1000,
        mappingBatchingWindow=5,
        mappingStartingPosition="LATEST",
        mappingParallelizationFactor=4,
        mappingMaximumRetries=3,
        mappingMaximumRecordAge=600,
        mappingFilters=[ENGLISH, LONG],
    )
    function = stack.one("Function").inputs
    assert (function["memorySize"], function["timeout"]) == (1024, 120)
    assert function["architectures"] == ["x86_64"]
    assert function["loggingConfig"]["applicationLogLevel"] == "DEBUG"
    assert function["tracingConfig"] == {"mode": "Active"}
    mapping = stack.one("EventSourceMapping").inputs
    assert mapping["batchSize"] == 1000
    assert mapping["maximumBatchingWindowInSeconds"] == 5
    assert mapping["startingPosition"] == "LATEST"
    assert mapping["parallelizationFactor"] == 4
    assert mapping["maximumRetryAttempts"] == 3
    assert mapping["maximumRecordAgeInSeconds"] == 600
    assert mapping["filterCriteria"] == {"filters": [{"pattern": ENGLISH}, {"pattern": LONG}]}


def archive_of_function(deployed: Deployed) -> dict[str, bytes]:
    archive = deployed.one("Function").inputs["code"]
    return {name: Path(asset.path).read_bytes() for name, asset in archive.assets.items()}


def test_the_archive_holds_the_modules_of_event_and_handler_and_nothing_else(dev: Deployed) -> None:
    tracked = {
        module.relative_to(PROJECT).as_posix(): module.read_bytes()
        for folder in ("event", "handler")
        for module in (PROJECT / folder).rglob("*.py")
        if module.parent.name != "types" or module.stem in ("__init__", "tweet")
    }
    assert archive_of_function(dev) == tracked
    assert {"handler/app.py", "event/types/tweet.py"} <= tracked.keys()


def test_caches_and_notes_beside_the_code_do_not_change_the_archive(
    dev: Deployed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, content in archive_of_function(dev).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (tmp_path / "handler" / "__pycache__").mkdir()
    (tmp_path / "handler" / "__pycache__" / "app.cpython-313.pyc").write_bytes(b"cache")
    (tmp_path / "handler" / "README.md").write_text("notes")
    monkeypatch.setattr(archive, "PROJECT", tmp_path)
    assert archive_of_function(deploy()) == archive_of_function(dev)
