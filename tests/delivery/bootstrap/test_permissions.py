"""The policies of the roles, whole, against the list of the calls that AWS's provider and the Pulumi CLI make."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from policy.reference import find_action
from tests.infra.recorder import ACCOUNT, KEY, PREVIOUS_KEY, REGION, Deployed, deploy, deploy_bootstrap

LIST = Path(__file__).parent / "actions.tsv"
MAX_ROLE_POLICY = 10_240  # IAM quotas: characters of the policies inside a role, without white space
MAX_MANAGED_POLICY = 6_144


def listed() -> Iterator[tuple[str, str, str]]:
    """Statement, action and source of each line."""
    lines = [line for line in LIST.read_text().splitlines() if line and not line.startswith("#")]
    for sid, action, _operations, source in csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
        yield sid, action, source


ACTIONS: dict[str, set[str]] = {}
for _sid, _action, _source in listed():
    ACTIONS.setdefault(_sid, set()).add(_action)


def arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


def iam_arn(resource: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:{resource}"


def resources(stack: str, bucket: str, key: str) -> dict[str, set[str]]:
    """The ARNs of each statement."""
    function = f"{stack}-DDBEventProcessor"
    group = arn("logs", f"log-group:/aws/lambda/{function}")
    topic = arn("sns", f"{stack}-EventAlarms")
    mappings = arn("lambda", "event-source-mapping:*")
    scaling = (
        "dynamodb.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_DynamoDBTable"
    )
    return {
        "Stream": {arn("kinesis", f"stream/{stack}-EventStream")},
        "StreamEncryption": {arn("kinesis", f"stream/{stack}-EventStream"), arn("kms", "key/*")},
        "Streams": {"*"},
        "Table": {
            arn("dynamodb", f"table/{stack}-EventData"),
            arn("dynamodb", f"table/{stack}-EventData-*"),
        },
        "FindScaling": {"*"},
        "Scaling": {arn("application-autoscaling", "scalable-target/*")},
        "ScalingTags": {arn("application-autoscaling", "scalable-target/*")},
        "ScalingRole": {iam_arn(f"role/aws-service-role/{scaling}")},
        "Quarantine": {f"arn:aws:s3:::{stack}-quarantine-*"},
        "EmptyQuarantine": {f"arn:aws:s3:::{stack}-quarantine-*/*"},
        "Function": {arn("lambda", f"function:{function}*")},
        "CreateMapping": {"*"},
        "Mapping": {mappings},
        "AnyMapping": {mappings},
        "FindLog": {"*"},
        "Log": {group, f"{group}:*"},
        "FunctionRole": {iam_arn(f"role/{function}")},
        "BoundedFunctionRole": {iam_arn(f"role/{function}")},
        "PassFunctionRole": {iam_arn(f"role/{function}")},
        "Producer": {iam_arn(f"user/{stack}-EventProducer")},
        "BoundedProducer": {iam_arn(f"user/{stack}-EventProducer")},
        "ProducerPolicy": {iam_arn(f"policy/{stack}-PutEvents")},
        "Topic": {topic, f"{topic}:*"},
        "FindAlarms": {arn("cloudwatch", "alarm:*")},
        "Alarms": {
            arn("cloudwatch", f"alarm:{stack}-*"),
            arn("cloudwatch", f"alarm:TargetTracking-table/{stack}-EventData-*"),
        },
        "Dashboard": {f"arn:aws:cloudwatch::{ACCOUNT}:dashboard/{stack}-EventPath"},
        "FindKeys": {"*"},
        "DescribeKeys": {arn("kms", "key/*")},
        "StackKeys": {KEY},
        "FindState": {bucket},
        "State": {f"{bucket}/{stack}/*"},
        "Secrets": {key},
    }


def expected(
    account: Deployed, stack: str, actions: dict[str, set[str]]
) -> dict[str, tuple[str, set[str], set[str]]]:
    """The policy of a role that is allowed some actions."""
    arns = resources(stack, account.arn("state-bucket"), account.arn(f"{stack}-key"))
    return {sid: ("Allow", actions[sid], arns[sid]) for sid in arns if actions.get(sid)}


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_the_deploy_role_may_do_what_the_list_names_on_its_stack_and_nothing_else(
    account: Deployed, stack: str
) -> None:
    document = json.loads(account.named(f"{stack}-deploy-policy").inputs["policy"])
    granted = {(each["Sid"], action) for each in document["Statement"] for action in each.get("Action", ())}
    wanted = {(sid, action) for sid, actions in ACTIONS.items() for action in actions}
    missing, unlisted = sorted(wanted - granted), sorted(granted - wanted)
    assert not missing, f"listed, but not granted: {missing}"
    assert not unlisted, f"granted, but not listed: {unlisted}"
    assert account.policy(f"{stack}-deploy-policy") == expected(account, stack, ACTIONS)


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_the_preview_role_may_read_and_do_nothing_else(account: Deployed, stack: str) -> None:
    reads = {
        sid: {each for each in actions if access_level(each) in ("Read", "List")}
        for sid, actions in ACTIONS.items()
    }
    reads["Secrets"] = {"kms:Decrypt"}  # AWS counts it as a write
    reads["Quarantine"].remove("s3:ListBucketVersions")  # for emptying the bucket
    assert account.policy(f"{stack}-preview-policy") == expected(account, stack, reads)


def access_level(action: str) -> str:
    entry = find_action(action)
    assert entry, f"AWS has no action {action}"
    level: str = entry["accessLevel"]
    return level


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_the_grants_of_the_deploy_role_on_wildcards_are_bounded_by_conditions(
    account: Deployed, stack: str
) -> None:
    bounded = {"StringEquals": {"iam:PermissionsBoundary": account.arn(f"{stack}-boundary")}}
    function = arn("lambda", f"function:{stack}-DDBEventProcessor")
    of_function = {"ArnLike": {"lambda:FunctionArn": f"{function}*"}}
    own_target = {"StringEqualsIfExists": {"aws:ResourceTag/Stack": stack}}
    assert account.conditions(f"{stack}-deploy-policy") == {
        "BoundedFunctionRole": bounded,
        "BoundedProducer": bounded,
        "FindState": {"StringLike": {"s3:prefix": [f"{stack}/*"]}},
        "CreateMapping": of_function,
        "Mapping": of_function,
        "PassFunctionRole": {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}},
        "Scaling": {
            "StringEquals": {
                "application-autoscaling:scalable-dimension": "dynamodb:table:WriteCapacityUnits",
                "application-autoscaling:service-namespace": "dynamodb",
            },
            **own_target,
        },
        "ScalingTags": own_target,
        "ScalingRole": {
            "StringEquals": {"iam:AWSServiceName": "dynamodb.application-autoscaling.amazonaws.com"}
        },
        "StackKeys": {"StringEquals": {"kms:ViaService": f"dynamodb.{REGION}.amazonaws.com"}},
    }


def test_no_action_removes_a_boundary_or_changes_the_deploy_role_itself() -> None:
    granted = {action for actions in ACTIONS.values() for action in actions}
    assert not granted & {
        "iam:DeleteRolePermissionsBoundary",
        "iam:DeleteUserPermissionsBoundary",
        "iam:AttachRolePolicy",
        "iam:AttachUserPolicy",
        "iam:AddUserToGroup",
        "iam:CreateLoginProfile",
        "sts:AssumeRole",
    }
    arns = {each for some in resources("dev", "", "").values() for each in some}
    assert not [each for each in arns if ":iam:" in each and "*" in each]
    assert not [each for each in arns if "stream-processing" in each]


@pytest.mark.parametrize(
    "sid", [sid for sid, actions in ACTIONS.items() if any(each.startswith("iam:Put") for each in actions)]
)
def test_every_action_that_sets_an_identitys_policy_demands_the_boundary(sid: str) -> None:
    assert sid in ("BoundedFunctionRole", "BoundedProducer")


def test_the_boundary_is_the_union_of_what_the_stacks_identities_are_ever_allowed(account: Deployed) -> None:
    everything = [
        deploy(kmsKeyArn=KEY, kmsKeyArnPrevious=PREVIOUS_KEY, functionTracing=True),
        deploy(producerIdentity="policy", kmsKeyArn=KEY),
        deploy(streamArn=arn("kinesis", "stream/orders-in"), streamKeyArn=KEY),
    ]
    used = {
        action
        for stack in everything
        for name in ("processor-policy", "producer-policy", "producer-managed-policy")
        if name in {each.name for each in stack.resources}
        for _, actions, _ in stack.policy(name).values()
        for action in actions
    }
    bucket = "arn:aws:s3:::dev-quarantine-*"
    boundary = account.policy("dev-boundary")
    assert {action for _, actions, _ in boundary.values() for action in actions} == used
    assert {sid: arns for sid, (_, _, arns) in boundary.items()} == {
        "Stream": {arn("kinesis", "stream/dev-EventStream")},
        "Table": {arn("dynamodb", "table/dev-EventData"), arn("dynamodb", "table/dev-EventData-*")},
        "Log": {arn("logs", "log-group:/aws/lambda/dev-DDBEventProcessor:*")},
        "Quarantine": {f"{bucket}/*"},
        "FindQuarantine": {bucket},
        "Traces": {"*"},
        "Keys": {arn("kms", "key/*")},
    }
    assert account.conditions("dev-boundary") == {
        "Keys": {
            "StringLike": {
                "kms:ViaService": [
                    "dynamodb.*.amazonaws.com",
                    "kinesis.*.amazonaws.com",
                    "s3.*.amazonaws.com",
                ]
            }
        }
    }


def test_a_stream_that_exists_is_within_the_boundary_and_is_granted_to_no_deploy_role() -> None:
    stream = arn("kinesis", "stream/orders-in")
    named, plain = deploy_bootstrap(streamArns=[stream]), deploy_bootstrap()
    assert named.policy("dev-boundary")["Stream"][2] == {arn("kinesis", "stream/dev-EventStream"), stream}
    for policy in ("dev-deploy-policy", "dev-preview-policy"):
        assert named.policy(policy) == plain.policy(policy)


def test_a_bucket_in_the_accounts_namespace_is_granted_by_its_whole_name() -> None:
    account = deploy_bootstrap(accountNamespaceStacks=["prod"])
    bucket = f"arn:aws:s3:::prod-quarantine-{ACCOUNT}-{REGION}-an"
    for policy in ("prod-deploy-policy", "prod-preview-policy"):
        assert account.policy(policy)["Quarantine"][2] == {bucket}
    assert account.policy("prod-boundary")["FindQuarantine"][2] == {bucket}
    assert account.policy("dev-deploy-policy")["Quarantine"][2] == {"arn:aws:s3:::dev-quarantine-*"}


def test_the_policies_of_a_stack_with_a_name_of_maximum_length_stay_within_iams_limits() -> None:
    name = "a" * 25
    stack = deploy_bootstrap(stacks=[name], pullRequestStacks=[], kmsKeyArns=[KEY])
    for policy, limit in (
        (f"{name}-deploy-policy", MAX_ROLE_POLICY),
        (f"{name}-boundary", MAX_MANAGED_POLICY),
    ):
        document = json.loads(stack.named(policy).inputs["policy"])
        assert len(json.dumps(document, separators=(",", ":"))) < limit


def test_every_action_of_the_list_says_where_it_comes_from_and_none_is_listed_twice() -> None:
    lines = list(listed())
    assert all(source for _, _, source in lines)
    assert len({(sid, action) for sid, action, _ in lines}) == len(lines)
