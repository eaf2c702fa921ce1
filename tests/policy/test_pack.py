"""The pack as a whole: every program keeps it, and what it looks at exists."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from delivery.workflows.preview import POLICY_PACK
from policy import access, data, documents, encryption, identities
from policy.pack import POLICIES
from stack.project import PROJECT
from tests.infra.recorder import KEY, Deployed, deploy, deploy_bootstrap
from tests.policy.__main__ import check
from tests.policy.recorded import resources_of


def broken(deployed: Deployed) -> list[str]:
    resources = resources_of(deployed)
    return [policy.name for policy in POLICIES if list(policy.violations(resources))]


@pytest.mark.parametrize("stack", ["dev", "local", "prod"])
def test_a_committed_stack_keeps_every_policy(stack: str) -> None:
    assert broken(deploy(stack)) == []


def test_the_bootstrap_program_keeps_every_policy_for_any_number_of_stacks() -> None:
    assert broken(deploy_bootstrap()) == []
    assert broken(deploy_bootstrap(stacks=["dev", "prod", "test"], kmsKeyArns=[KEY])) == []


@pytest.mark.parametrize(
    "config",
    [
        {"kmsKeyArn": KEY, "functionTracing": True},
        {"tableMode": "provisioned", "producerIdentity": "policy"},
        {
            "streamArn": "arn:aws:kinesis:us-east-1:123456789012:stream/orders-in",
            "streamKeyArn": KEY,
            "producerIdentity": "none",
        },
    ],
    ids=["a key and traces", "scaling and a policy", "a stream that exists"],
)
def test_a_stack_keeps_every_policy_with_other_settings(config: dict[str, Any]) -> None:
    assert broken(deploy("prod", **config)) == []


def test_make_policy_shows_each_violation_with_its_stack_and_the_fix(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stacks = [("prod", deploy("prod"))]
    monkeypatch.setattr("tests.policy.__main__.programs", lambda: stacks)
    assert check() == 0
    assert capsys.readouterr().out == f"prod: 38 resources keep {len(POLICIES)} policies\n"
    stacks.append(("test", deploy("test", file="prod", protect=False)))
    assert check() == 1
    shown = capsys.readouterr().out
    assert "test: table-table breaks protected-data\n" in shown
    assert "pulumi config set protect true" in shown


def test_the_launcher_says_what_is_missing_where_nothing_is_installed(tmp_path: Path) -> None:
    (tmp_path / "policy").mkdir()
    launcher = shutil.copy(PROJECT / POLICY_PACK, tmp_path / "policy")
    ended = subprocess.run([launcher, "127.0.0.1:0"], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr == "The policies need the packages of requirements-dev.txt: run `make install`.\n"


def test_names_are_unique_and_promises_are_sentences() -> None:
    assert len({policy.name for policy in POLICIES}) == len(POLICIES)
    assert all(policy.promise.endswith(".") for policy in POLICIES)


def properties() -> Iterator[tuple[str, str]]:
    """Every type of resource that a policy knows, with a property that it reads."""
    yield from ((type_, path[0]) for type_, (path, _) in encryption.AT_REST.items())
    yield from ((type_, via) for type_, via, _ in encryption.GUARDED.values())
    yield from ((type_, name) for type_, (name, _, _) in access.PUBLIC.items())
    yield from ((type_, "policy") for type_ in documents.OF_IDENTITIES | documents.OF_RESOURCES)
    yield from ((type_, "policyArn") for type_ in identities.ATTACHMENTS)
    yield from ((type_, "permissionsBoundary") for type_ in identities.IDENTITIES)
    yield from ((type_, "urn") for type_ in data.HOLD_DATA | encryption.GUARDED.keys())
    role, permission = "aws:iam/role:Role", "aws:lambda/permission:Permission"
    yield from ((role, name) for name in ("assumeRolePolicy", "inlinePolicies", "managedPolicyArns"))
    yield from ((permission, name) for name in ("principal", "principalOrgId", "sourceAccount", "sourceArn"))
    yield "aws:sns/topicSubscription:TopicSubscription", "protocol"
    yield "aws:cloudwatch/logGroup:LogGroup", "retentionInDays"
    yield "aws:lambda/function:Function", "loggingConfig"
    yield "aws:kinesis/stream:Stream", "retentionPeriod"
    mapping = "aws:lambda/eventSourceMapping:EventSourceMapping"
    yield from ((mapping, name) for name in ("eventSourceArn", "maximumRecordAgeInSeconds"))
    block = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
    yield from ((block, name) for name in ("bucket", *access.BLOCKS))


def snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def test_awss_provider_has_every_type_and_property_that_a_policy_reads() -> None:
    for type_, name in properties():
        package, _, class_name = type_.partition(":")[2].partition(":")
        folder, _, _module = package.partition("/")
        module = import_module(f"pulumi_aws.{folder if folder != 'lambda' else 'lambda_'}")
        assert hasattr(getattr(module, class_name), snake(name)), f"{type_} has no {name}"


def test_the_page_of_the_policies_shows_every_promise() -> None:
    page = (PROJECT / "docs" / "policies.md").read_text()
    rows = re.findall(r"^\| `([a-z-]+)` \| (.+?) \|", page, re.MULTILINE)
    assert rows == [(policy.name, policy.promise) for policy in POLICIES]
