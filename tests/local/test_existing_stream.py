"""A stack on local AWS that reads a stream which was there before it, with the commands of its session."""

import json
import subprocess

import pytest

from local.aws.inventory import inventory
from local.aws.local_aws import LocalAws
from local.aws.server import ACCOUNT, REGION, ROOT_KEY
from local.errors import DeploymentError
from local.pulumi.deploy import deploy
from local.session import Session, read_config
from stack.project import PROJECT, full_key
from tests.engine.stack import TWEET
from tests.infra import recorder
from tests.local.conftest import unique
from tests.waiting import eventually


def test_a_stack_reads_a_stream_that_was_there_before_it_and_leaves_it(aws: LocalAws) -> None:
    name, stack = unique("orders-in"), unique("reading")
    config = read_config() | {
        full_key("streamArn"): f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{name}",
        full_key("producerIdentity"): "none",
        full_key("mappingBatchingWindow"): 0,
    }
    kinesis, dynamodb = aws.client("kinesis"), aws.client("dynamodb")
    kinesis.create_stream(StreamName=name, ShardCount=1)
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
    replay = "replay --from 10m --dry-run --json --outputs $STREAM_OPS_OUTPUTS"
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


def test_the_bounded_function_reads_a_stream_that_the_bootstrap_program_names_and_no_other(
    aws: LocalAws,
) -> None:
    name, stack, iam = unique("tweets-in"), unique("bound"), aws.client("iam")
    arn = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{name}"
    config = read_config() | {full_key("streamArn"): arn}
    aws.client("kinesis").create_stream(StreamName=name, ShardCount=1)

    def bound(*streams: str) -> dict[str, object]:
        """Return the configuration with the boundary of a bootstrap program that names these streams."""
        program = recorder.deploy_bootstrap(stacks=[stack], pullRequestStacks=[], streamArns=[*streams])
        document = program.named(f"{stack}-boundary").inputs["policy"].replace(recorder.ACCOUNT, ACCOUNT)
        policy = iam.create_policy(PolicyName=unique("boundary"), PolicyDocument=document)["Policy"]
        return config | {full_key("permissionsBoundaryArn"): policy["Arn"]}

    with pytest.raises(DeploymentError, match="processor-mapping"):
        deploy(stack, PROJECT, bound(), aws.endpoint)
    deployment = deploy(stack, PROJECT, bound(arn), aws.endpoint)
    keys = {
        "access_key": deployment.outputs["access_key"],
        "secret_key": deployment.outputs["secret_access_key"],
    }
    aws.client("kinesis", **keys).put_record(StreamName=name, Data=TWEET, PartitionKey="mira")
    table = {"TableName": deployment.outputs["table_name"], "Select": "COUNT"}
    eventually(lambda: aws.client("dynamodb").scan(**table)["Count"] == 1)
    deployment.destroy()
    aws.client("kinesis").delete_stream(StreamName=name)
