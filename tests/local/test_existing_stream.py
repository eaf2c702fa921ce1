"""A stack on local AWS that reads a stream which was there before it, with the commands of its session."""

import json
import subprocess

import pytest

from local.aws.inventory import inventory
from local.aws.local_aws import LocalAws
from local.aws.server import ACCOUNT, REGION, ROOT_KEY
from local.errors import DeploymentError
from local.pulumi.deploy import deploy
from local.session import STREAM_ARN_KEY, Session, read_config, with_local_stream
from stack.project import PROJECT
from tests.engine.stack import TWEET
from tests.infra import recorder
from tests.local.conftest import unique
from tests.waiting import eventually


def test_a_stream_of_aws_has_a_namesake_on_local_aws_from_which_everything_is_read(aws: LocalAws) -> None:
    name, stack = unique("orders-in"), unique("reading")
    theirs = {
        "aws:region": "eu-west-1",
        STREAM_ARN_KEY: f"arn:aws:kinesis:eu-west-1:111122223333:stream/{name}",
        "stream-processing:streamKeyArn": "arn:aws:kms:eu-west-1:111122223333:key/0f7c",
        "stream-processing:producerIdentity": "none",
        "stream-processing:mappingBatchingWindow": 0,
    }
    config = with_local_stream(aws, {**read_config(), **theirs})
    assert config[STREAM_ARN_KEY] == f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{name}"
    assert with_local_stream(aws, config) == config
    kinesis, dynamodb = aws.client("kinesis"), aws.client("dynamodb")
    kinesis.put_record(StreamName=name, Data=TWEET, PartitionKey="mira")

    deployment = deploy(stack, PROJECT, config, aws.endpoint)
    outputs = deployment.outputs
    assert not {"access_key", "secret_access_key", "producer_policy_arn", "stream_account"} & outputs.keys()
    eventually(lambda: dynamodb.scan(TableName=outputs["table_name"], Select="COUNT")["Count"] == 1)

    session = Session(aws, None, deployment)
    assert json.loads(session.config.read_text())["access_key"] == ROOT_KEY
    export, _, produce, *_ = session.commands()
    run(produce)
    eventually(lambda: dynamodb.scan(TableName=outputs["table_name"], Select="COUNT")["Count"] > 1)
    health = json.loads(run(f"{export}; .venv/bin/python -m ops status --json", 0, 1))
    texts = {check["name"]: check["text"] for check in health["checks"]}
    assert texts["Stream"].startswith(f"{name} ACTIVE, provisioned, 1 shard")
    assert texts["Access key"] == "none: the producer uses an identity of its own (producerIdentity none)"
    explored = json.loads(run(f"{export}; .venv/bin/python -m ops explore --json"))
    assert explored
    replay = (
        "replay --from 10m --dry-run --json --outputs $STREAM_OPS_OUTPUTS --endpoint $STREAM_OPS_ENDPOINT"
    )
    assert json.loads(run(f"{export}; .venv/bin/python -m ops {replay}"))["records"] > 1

    deployment.destroy()
    assert inventory(aws, stack) == []
    assert inventory(aws, name) == [f"stream: {name}"]
    kinesis.delete_stream(StreamName=name)


def run(command: str, *codes: int) -> str:
    """Run a command in the project's folder; return what it wrote to standard output and, of errors, nothing."""
    ended = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert ended.returncode in (codes or (0,)), ended.stdout + ended.stderr
    return ended.stdout or ended.stderr


def test_a_stack_that_makes_its_stream_needs_none_beforehand(aws: LocalAws) -> None:
    config = read_config()
    assert with_local_stream(aws, config) == config


def test_the_bounded_function_reads_a_stream_that_the_bootstrap_program_names_and_no_other(
    aws: LocalAws,
) -> None:
    name, stack, iam = unique("tweets-in"), unique("bound"), aws.client("iam")
    config = with_local_stream(
        aws, {**read_config(), STREAM_ARN_KEY: f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{name}"}
    )

    def bound(*streams: str) -> dict[str, object]:
        """Return the configuration with the boundary of a bootstrap program that names these streams."""
        program = recorder.deploy_bootstrap(stacks=[stack], pullRequestStacks=[], streamArns=[*streams])
        document = program.named(f"{stack}-boundary").inputs["policy"].replace(recorder.ACCOUNT, ACCOUNT)
        policy = iam.create_policy(PolicyName=unique("boundary"), PolicyDocument=document)["Policy"]
        return {**config, "stream-processing:permissionsBoundaryArn": policy["Arn"]}

    with pytest.raises(DeploymentError, match="processor-mapping"):
        deploy(stack, PROJECT, bound(), aws.endpoint)
    deployment = deploy(stack, PROJECT, bound(config[STREAM_ARN_KEY]), aws.endpoint)
    keys = {
        "access_key": deployment.outputs["access_key"],
        "secret_key": deployment.outputs["secret_access_key"],
    }
    aws.client("kinesis", **keys).put_record(StreamName=name, Data=TWEET, PartitionKey="mira")
    table = {"TableName": deployment.outputs["table_name"], "Select": "COUNT"}
    eventually(lambda: aws.client("dynamodb").scan(**table)["Count"] == 1)
    deployment.destroy()
    aws.client("kinesis").delete_stream(StreamName=name)
