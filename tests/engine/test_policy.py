"""The policy pack under the real engine: dev and prod keep every policy, and what breaks one gets no further."""

from collections.abc import Iterator

import pytest

from delivery.workflows.preview import POLICY_PACK
from local.aws.local_aws import LocalAws
from policy.pack import POLICIES
from tests.engine.stack import Project

pytestmark = pytest.mark.xdist_group("policy")

PACK = ("--policy-pack", POLICY_PACK)
PASSED = f"stream-processing@v0.0.1 (local: {POLICY_PACK})"

BROKEN = """
import pulumi
import pulumi_aws as aws

def document(**statement):
    return pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": [statement]})

aws.cloudwatch.LogGroup("clicks-log")
aws.iam.User("producer", permissions_boundary="arn:aws:iam::000000000000:policy/boundary")
aws.iam.Role("clicks-role", assume_role_policy=document(
    Effect="Allow", Principal={"Service": "lambda.amazonaws.com"}, Action="sts:AssumeRole"))
aws.iam.UserPolicy("clicks-policy", user="clicks", policy=document(
    Effect="Allow", Action=["iam:CreateRole"], Resource="*"))
aws.sns.TopicPolicy("clicks-topic-policy", arn="arn:aws:sns:us-east-1:000000000000:clicks", policy=document(
    Effect="Allow", Principal="*", Action="sns:Publish"))
aws.s3.Bucket("clicks-bucket")
clicks = aws.kinesis.Stream("clicks-stream", shard_count=1)
aws.lambda_.EventSourceMapping(
    "clicks-mapping", event_source_arn=clicks.arn, function_name="clicks", starting_position="LATEST",
    maximum_record_age_in_seconds=86400)
"""
"""A program with something wrong by each policy."""

HASTY = """
import pulumi_aws as aws

aws.cloudwatch.LogGroup("clicks-log", name="clicks")
"""


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    """An account of its own: exemptions name stacks, and so this file shares their names with others."""
    with LocalAws.start() as running:
        yield running


def test_dev_is_deployed_with_the_policies(project: Project) -> None:
    deployed = project.stack("dev", like="dev").up(*PACK).text
    assert PASSED in deployed
    assert "[advisory]" not in deployed


def test_prod_is_previewed_and_deployed_with_the_policies_as_the_workflows_do(project: Project) -> None:
    stack = project.stack("prod", like="prod")
    plan = str(project.folder / "plan.json")
    previewed = stack.run("preview", *PACK, "--save-plan", plan).text
    assert (
        "[advisory]  no-wildcards  (aws:iam:RolePolicy: processor-policy)" in previewed
    )  # no ARN is known yet
    assert "[mandatory]" not in previewed
    deployed = stack.up(*PACK, "--plan", plan).text
    assert PASSED in deployed
    assert "[advisory]" not in deployed


def test_a_violation_of_any_policy_stops_the_preview_and_says_what_to_do(project: Project) -> None:
    stack = project.stack("clicks")
    (project.folder / "__main__.py").write_text(BROKEN)
    previewed = stack.run("preview", *PACK, fails=True).text
    for policy in POLICIES:
        _, found, violation = previewed.partition(f"[mandatory]  {policy.name}  (")
        assert found, f"nothing breaks {policy.name}"
        _, promise, message, *_ = violation.splitlines()
        assert promise.strip() == policy.promise
        assert message.strip().startswith("clicks-")
        assert " Fix: " in message
    assert previewed.count("[mandatory]") == len(POLICIES) + 1  # stream and bucket are both unprotected


def test_a_violation_that_no_preview_saw_stops_up_before_the_resource_is_created(project: Project) -> None:
    stack = project.stack("hasty")
    (project.folder / "__main__.py").write_text(HASTY)
    stopped = stack.up(*PACK, fails=True).text
    assert "clicks-log keeps its lines forever. Fix: set retention_in_days." in stopped
    groups = project.aws.client("logs").describe_log_groups()["logGroups"]
    assert "clicks" not in [group["logGroupName"] for group in groups]
