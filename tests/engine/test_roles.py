"""The stack under the roles of `bootstrap/`, with IAM enforced: what they need is there, and nothing else."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from botocore.exceptions import ClientError

from delivery.workflows.preview import POLICY_PACK
from local.aws.inventory import inventory
from local.aws.local_aws import LocalAws
from local.aws.server import ACCOUNT, REGION
from local.stubs.http import serving
from stack.project import PROJECT, full_key
from tests.delivery.bootstrap.test_permissions import listed
from tests.doubles.github import TOKEN, Github
from tests.engine.account import PreparedAccount
from tests.engine.stack import TWEET
from tests.forks import Forks
from tests.waiting import eventually

pytestmark = pytest.mark.xdist_group("roles")

BUCKET = f"stream-processing-state-{ACCOUNT}-{REGION}"
EVERYTHING = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
)


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory, forks: Forks) -> Iterator[PreparedAccount]:
    with LocalAws.start() as aws:
        prepared = PreparedAccount(tmp_path_factory.mktemp("account"), aws, forks)
        for stack in ("dev", "prod"):
            shutil.copy(PROJECT / f"Pulumi.{stack}.yaml", prepared.project.folder)
            prepared.run(prepared.administrator(), "delivery", "stack", stack)
        yield prepared


def test_the_state_of_the_bootstrap_program_ends_up_in_its_bucket_and_holds_no_secret(
    account: PreparedAccount,
) -> None:
    folder = account.project.folder / "delivery" / "bootstrap"
    assert not (folder / ".state").exists()
    state = (
        account.aws.client("s3")
        .get_object(Bucket=BUCKET, Key="bootstrap/.pulumi/stacks/stream-processing-bootstrap/account.json")[
            "Body"
        ]
        .read()
    )
    assert b"4dabf18193072939515e22adb298388d" not in state  # the engine's mark of a secret
    again = account.run(account.administrator(), "delivery", "account", "octo/tweets", "--yes")
    assert "+ " not in again
    assert "unchanged" in again
    settings = yaml.safe_load((folder / "Pulumi.account.yaml").read_text())["config"]
    assert settings["stream-processing-bootstrap:githubProvider"] == "create"


def test_the_bootstrap_program_keeps_every_policy_once_it_is_deployed(account: PreparedAccount) -> None:
    pack = f"../../{POLICY_PACK}"
    shown = account.run(
        account.administrator(), "delivery", "pulumi", "preview", "--policy-pack", pack, "--expect-no-changes"
    )
    assert "stream-processing@" in shown
    assert "can't run policy" not in shown


def test_a_stack_is_deployed_changed_and_destroyed_by_its_deploy_role_and_previewed_by_the_other(
    account: PreparedAccount,
) -> None:
    deploy = account.job("deploy", "dev", "environment:dev")
    preview = account.job("preview", "dev", "pull_request")
    up = ("up", "--stack", "dev", "--yes", "--skip-preview", "--refresh")
    report = ("--stack", "dev", "--report", "report.txt")
    settings = account.project.folder / "Pulumi.dev.yaml"
    at_first = settings.read_text()
    plan = "plan.json"

    account.run(preview, "delivery.workflows.preview", *report, "--plan", plan)
    account.pulumi(deploy, *up, "--plan", plan)
    outputs = account.pulumi(deploy, "stack", "output", "--stack", "dev", "--json", "--show-secrets")
    put_and_read_back(account, json.loads(outputs))

    configure(settings, EVERY_CHANGE)
    account.run(preview, "delivery.workflows.preview", *report)
    account.pulumi(deploy, *up)
    settings.write_text(at_first)
    account.pulumi(deploy, *up)

    account.run(preview, "delivery.workflows.preview", *report, "--expect-no-changes")
    account.aws.client("lambda").update_function_configuration(
        FunctionName="dev-DDBEventProcessor", Timeout=7
    )
    nightly = account.run(preview, "delivery.workflows.preview", *report, "--expect-no-changes", fails=True)
    assert "processor-function" in nightly
    assert "no changes were expected" in nightly
    account.run(preview, "delivery.workflows.preview", *report, "--plan", plan)
    configure(settings, {"functionMemory": 1024})
    assert "violates plan" in account.pulumi(deploy, *up, "--plan", plan, fails=True)
    settings.write_text(at_first)
    account.pulumi(deploy, *up, "--plan", plan)
    account.run(preview, "delivery.workflows.preview", *report, "--expect-no-changes")

    publish_eleven_more(account.aws, "dev-DDBEventProcessor")
    # The ten newest, and the live one.
    assert "kept 11." in account.run(deploy, "ops", "prune", "--stack", "dev", "--yes")

    denied = account.pulumi(preview, *up, fails=True)
    assert "not authorized to perform: s3:PutObject" in denied
    account.pulumi(deploy, "destroy", "--stack", "dev", "--yes", "--skip-preview")
    assert inventory(account.aws, "dev") == []

    sources = {action: source for _, action, source in listed()}
    used = account.allowed("deploy", "dev") - {"sts:GetCallerIdentity"}
    assert used <= set(sources)
    # An action that only this project's own parts account for is used, or it goes.
    assert {each for each, source in sources.items() if source.startswith(("local", "CLI"))} <= used


def publish_eleven_more(aws: LocalAws, function: str) -> None:
    """Publish versions of a function; the last one is live."""
    functions = aws.client("lambda")
    for number in range(11):
        functions.update_function_configuration(FunctionName=function, Description=f"version {number}")
        version = functions.publish_version(FunctionName=function)["Version"]
    functions.update_alias(FunctionName=function, Name="live", FunctionVersion=version)


EVERY_CHANGE: dict[str, object] = {
    "streamShards": 2,
    "streamRetentionHours": 48,
    "streamMaxRecordKiB": 2048,
    "streamShardMetrics": True,
    "itemLifetimeDays": 30,
    "tableMode": "provisioned",
    "tablePointInTimeRecovery": True,
    "functionMemory": 512,
    "producerIdentity": "policy",
    "alarmEmail": "alarms@octo.dev",
    "tags": {"Team": "data"},
}


def configure(settings: Path, change: dict[str, object]) -> None:
    content = yaml.safe_load(settings.read_text())
    content["config"] |= {full_key(key): value for key, value in change.items()}
    settings.write_text(yaml.safe_dump(content))


def put_and_read_back(account: PreparedAccount, outputs: dict[str, str]) -> None:
    """A record that the bounded user puts is stored by the function under its bounded role."""
    kinesis = account.aws.client(
        "kinesis", access_key=outputs["access_key"], secret_key=outputs["secret_access_key"]
    )
    kinesis.put_record(StreamName=outputs["stream_name"], Data=TWEET, PartitionKey="mira")
    table = account.aws.client("dynamodb")
    eventually(lambda: table.scan(TableName=outputs["table_name"], Select="COUNT")["Count"])


@pytest.mark.parametrize(
    ("role", "stack", "subject"),
    [
        ("deploy", "dev", "ref:refs/heads/main"),
        ("deploy", "dev", "pull_request"),
        ("deploy", "dev", "environment:prod"),
        ("deploy", "prod", "environment:dev"),
        ("preview", "dev", "ref:refs/heads/other"),
        ("preview", "prod", "pull_request"),
        ("preview", "prod", "environment:dev"),
    ],
)
def test_a_role_is_denied_to_any_other_job(
    account: PreparedAccount, role: str, stack: str, subject: str
) -> None:
    with pytest.raises(ClientError, match="Not authorized to perform sts:AssumeRoleWithWebIdentity"):
        account.job(role, stack, subject)


def test_code_of_a_pull_request_reads_neither_the_state_nor_the_secrets_of_production(
    account: PreparedAccount,
) -> None:
    job = account.job("preview", "dev", "pull_request")
    s3, kms = account.client(job, "s3"), account.client(job, "kms")
    secret = account.aws.client("kms").encrypt(KeyId="alias/stream-processing-prod", Plaintext=b"secret")
    with pytest.raises(ClientError, match="not authorized to perform: kms:Decrypt"):
        kms.decrypt(CiphertextBlob=secret["CiphertextBlob"])
    with pytest.raises(ClientError, match="not authorized to perform: s3:GetObject"):
        s3.get_object(Bucket=BUCKET, Key="prod/.pulumi/stacks/stream-processing/prod.json")
    with pytest.raises(ClientError, match="not authorized to perform: s3:ListBucket"):
        s3.list_objects_v2(Bucket=BUCKET, Prefix="prod/")


def test_the_deploy_role_grants_itself_nothing(account: PreparedAccount) -> None:
    job = account.job("deploy", "dev", "environment:dev")
    iam = account.client(job, "iam")
    own = "stream-processing-dev-deploy"
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/stream-processing-dev-boundary"
    function = {"RoleName": "dev-DDBEventProcessor"}
    trust = {"AssumeRolePolicyDocument": EVERYTHING}
    attempts: dict[str, Callable[[], object]] = {
        "iam:PutRolePolicy": lambda: iam.put_role_policy(
            RoleName=own, PolicyName="all", PolicyDocument=EVERYTHING
        ),
        "iam:AttachRolePolicy": lambda: iam.attach_role_policy(
            RoleName=own, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess"
        ),
        "iam:UpdateAssumeRolePolicy": lambda: iam.update_assume_role_policy(
            RoleName=own, PolicyDocument=EVERYTHING
        ),
        "iam:CreatePolicyVersion": lambda: iam.create_policy_version(
            PolicyArn=boundary, PolicyDocument=EVERYTHING, SetAsDefault=True
        ),
        "iam:CreateRole": lambda: iam.create_role(**function, **trust),
        "iam:CreateUser": lambda: iam.create_user(UserName="dev-EventProducer"),
    }
    for action, attempt in attempts.items():
        with pytest.raises(ClientError, match=f"not authorized to perform: {action}"):
            attempt()

    account.aws.client("iam").create_role(
        **function, **trust
    )  # as a stack deployed without a boundary has it
    try:
        with pytest.raises(ClientError, match="not authorized to perform: iam:PutRolePolicy"):
            iam.put_role_policy(**function, PolicyName="StoreEvents", PolicyDocument=EVERYTHING)
        iam.put_role_permissions_boundary(**function, PermissionsBoundary=boundary)
        iam.put_role_policy(**function, PolicyName="StoreEvents", PolicyDocument=EVERYTHING)
        with pytest.raises(ClientError, match="not authorized to perform: iam:DeleteRolePermissionsBoundary"):
            iam.delete_role_permissions_boundary(**function)
        iam.delete_role_policy(**function, PolicyName="StoreEvents")
    finally:
        account.aws.client("iam").delete_role(**function)


def test_the_repository_gets_its_environments_and_the_outputs_that_the_workflows_read(
    account: PreparedAccount,
) -> None:
    github = Github()
    with serving(github.answer) as url:
        environment = account.administrator() | {"GITHUB_API_URL": url, "GITHUB_TOKEN": TOKEN}
        account.run(environment, "delivery", "github")
    stacks = json.loads(github.variables["BOOTSTRAP"])["stacks"]
    assert set(stacks) == set(github.environments) == {"dev", "prod"}
    assert stacks["dev"]["deploy_role_arn"] == f"arn:aws:iam::{ACCOUNT}:role/stream-processing-dev-deploy"
    assert github.branches == {"dev": ["main"], "prod": ["main"]}
    assert [len(github.environments[name]["reviewers"]) for name in ("dev", "prod")] == [0, 1]


def test_nobody_deletes_the_state_bucket_or_an_old_state(account: PreparedAccount) -> None:
    job = account.job("deploy", "dev", "environment:dev")
    s3 = account.client(job, "s3")
    s3.put_object(Bucket=BUCKET, Key="dev/note", Body=b"first")
    s3.put_object(Bucket=BUCKET, Key="dev/note", Body=b"second")
    s3.delete_object(Bucket=BUCKET, Key="dev/note")
    versions = account.aws.client("s3").list_object_versions(Bucket=BUCKET, Prefix="dev/note")["Versions"]
    assert len(versions) == 2
    with pytest.raises(ClientError, match="not authorized to perform: s3:DeleteObjectVersion"):
        s3.delete_object(Bucket=BUCKET, Key="dev/note", VersionId=versions[0]["VersionId"])
    with pytest.raises(ClientError, match="not authorized to perform: s3:DeleteBucket"):
        s3.delete_bucket(Bucket=BUCKET)
