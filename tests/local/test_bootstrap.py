"""The bootstrap program on local AWS, without an engine."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner

from delivery.cli import main as delivery_main
from local.aws.local_aws import LocalAws
from local.aws.server import REGION
from local.job import job_environment
from local.pulumi.deploy import Deployment, deploy
from local.stubs.http import serving
from tests.doubles.github import TOKEN, Github

BOOTSTRAP = Path(__file__).resolve().parents[2] / "delivery" / "bootstrap"
HOST = "token.actions.githubusercontent.com"


@contextmanager
def prepared(aws: LocalAws, **config: Any) -> Iterator[Deployment]:
    """The account after `bootstrap`, until the block ends."""
    settings = {"repository": "octo/tweets", "githubProvider": "create", "protect": False, **config}
    own = {f"stream-processing-bootstrap:{key}": value for key, value in settings.items()}
    deployment = deploy("account", BOOTSTRAP, {"aws:region": "us-east-1", **own}, aws.endpoint)
    try:
        yield deployment
    finally:
        deployment.destroy()


def test_an_existing_github_provider_outlives_the_program(aws: LocalAws) -> None:
    iam = aws.client("iam")
    provider = iam.create_open_id_connect_provider(
        Url=f"https://{HOST}", ClientIDList=["https://github.com/octo", "sts.amazonaws.com"]
    )["OpenIDConnectProviderArn"]
    try:
        with prepared(aws, githubProvider="existing"):
            role = iam.get_role(RoleName="stream-processing-prod-deploy")["Role"]
            [statement] = role["AssumeRolePolicyDocument"]["Statement"]
            assert statement["Principal"] == {"Federated": provider}
        kept = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=provider)
        assert kept["ClientIDList"] == ["https://github.com/octo", "sts.amazonaws.com"]
    finally:
        iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=provider)


def test_setup_warns_until_main_is_protected(aws: LocalAws, tmp_path: Path) -> None:
    with prepared(aws) as deployment:
        outputs = deployment.outputs
    backend = f"s3://{outputs['state_bucket']}/bootstrap?region={REGION}"
    called = f"{backend} stack output --json --stack account --cwd {BOOTSTRAP}"
    (tmp_path / "outputs.json").write_text(json.dumps(outputs))
    cli = tmp_path / "pulumi"
    cli.write_text(
        f"#!/bin/sh\n[ \"$PULUMI_BACKEND_URL $*\" = '{called}' ] || exit 64\ncat {tmp_path}/outputs.json\n"
    )
    cli.chmod(0o755)
    github = Github()
    with serving(github.answer) as url:
        environment = {
            "PATH": f"{tmp_path}:/usr/bin:/bin",
            "AWS_ENDPOINT_URL": aws.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
            "GITHUB_API_URL": url,
            "GITHUB_TOKEN": TOKEN,
        }

        def setup(*arguments: str) -> str:
            result = CliRunner().invoke(delivery_main, ["github", *arguments], env=environment)
            assert result.exit_code == 0, result.output
            return result.stderr

        assert "no ruleset requires pull requests for main" in setup()
        assert github.rulesets == []
        assert setup("--protect-main") == ""
        assert [each["name"] for each in github.rulesets] == ["Protect main"]
        assert setup() == ""


def test_a_deploy_role_scales_its_own_table_and_not_the_table_of_another_stack(aws: LocalAws) -> None:
    with prepared(aws), tables(aws, "dev", "prod"):
        dev, prod = scaling(aws, "dev"), scaling(aws, "prod")
        register(dev, "dev")
        arn, other = register(prod, "prod"), target("prod")
        attempts: dict[str, Callable[[], object]] = {
            "RegisterScalableTarget": lambda: dev.register_scalable_target(**other, MaxCapacity=1),
            "PutScalingPolicy": lambda: dev.put_scaling_policy(**other, **POLICY),
            "DeleteScalingPolicy": lambda: dev.delete_scaling_policy(**other, PolicyName="FollowWrites"),
            "DeregisterScalableTarget": lambda: dev.deregister_scalable_target(**other),
            "TagResource": lambda: dev.tag_resource(ResourceARN=arn, Tags={"Stack": "dev"}),
            "UntagResource": lambda: dev.untag_resource(ResourceARN=arn, TagKeys=["Stack"]),
        }
        for action, attempt in attempts.items():
            with pytest.raises(ClientError, match=f"not authorized to perform: .*:{action}"):
                attempt()
        change_and_deregister(dev, "dev")
        change_and_deregister(prod, "prod")


POLICY = {
    "PolicyName": "FollowWrites",
    "PolicyType": "TargetTrackingScaling",
    "TargetTrackingScalingPolicyConfiguration": {
        "TargetValue": 70,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "DynamoDBWriteCapacityUtilization"},
    },
}


def target(stack: str) -> dict[str, str]:
    return {
        "ServiceNamespace": "dynamodb",
        "ResourceId": f"table/{stack}-EventData",
        "ScalableDimension": "dynamodb:table:WriteCapacityUnits",
    }


def scaling(aws: LocalAws, stack: str) -> Any:
    """Application Auto Scaling as the deploy role of a stack sees it."""
    job = job_environment(aws.client("sts"), "deploy", stack, f"repo:octo/tweets:environment:{stack}")
    return aws.client(
        "application-autoscaling",
        access_key=job["AWS_ACCESS_KEY_ID"],
        secret_key=job["AWS_SECRET_ACCESS_KEY"],
        session_token=job["AWS_SESSION_TOKEN"],
    )


def register(client: Any, stack: str) -> str:
    """Register the table of a stack with its tags, as the provider does; return the target's ARN."""
    arn: str = client.register_scalable_target(
        **target(stack), MinCapacity=5, MaxCapacity=50, Tags={"Project": "stream-processing", "Stack": stack}
    )["ScalableTargetARN"]
    return arn


def change_and_deregister(client: Any, stack: str) -> None:
    """The provider's other calls; it sends tags in calls of their own."""
    own = target(stack)
    arn = client.register_scalable_target(**own, MinCapacity=10, MaxCapacity=20)["ScalableTargetARN"]
    client.put_scaling_policy(**own, **POLICY)
    client.tag_resource(ResourceARN=arn, Tags={"Team": "data"})
    client.untag_resource(ResourceARN=arn, TagKeys=["Team"])
    client.delete_scaling_policy(**own, PolicyName="FollowWrites")
    client.deregister_scalable_target(**own)


@contextmanager
def tables(aws: LocalAws, *stacks: str) -> Iterator[None]:
    """The tables of some stacks, with provisioned capacity, until the block ends."""
    dynamodb = aws.client("dynamodb")
    for stack in stacks:
        dynamodb.create_table(
            TableName=f"{stack}-EventData",
            BillingMode="PROVISIONED",
            ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 5},
            AttributeDefinitions=[{"AttributeName": "Id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "Id", "KeyType": "HASH"}],
        )
    try:
        yield
    finally:
        for stack in stacks:
            dynamodb.delete_table(TableName=f"{stack}-EventData")
