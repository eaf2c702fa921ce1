"""The configuration of the bootstrap program."""

from typing import Any

import pulumi
import pytest

from delivery.bootstrap.settings import RULES, parse_settings
from stack.errors import SettingsError
from stack.project import PROJECT, read_project, with_defaults
from tests.infra.recorder import deploy_bootstrap

FOLDER = PROJECT / "delivery" / "bootstrap"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("repository", "tweets"),
        ("repository", "octo/*"),
        ("repository", "octo/tweets:environment:prod"),
        ("branch", "release/*"),
        ("stacks", []),
        ("stacks", ["dev", "dev"]),
        ("stacks", ["de*"]),
        ("stacks", ["dev", "dev-EventData-x"]),
        ("stacks", "dev"),
        ("stacks", ["dev", "bootstrap"]),
        ("subject", "octo/tweets"),
        ("subject", "repo:octo@1/*"),
        ("subject", "repo:octo/tweets:environment:prod"),
        ("pullRequestStacks", ["test"]),
        ("accountNamespaceStacks", ["test"]),
        ("githubProvider", "mine"),
        ("kmsKeyArns", ["*"]),
        ("streamArns", ["*"]),
        ("streamArns", ["arn:aws:kinesis:us-east-1:123456789012:stream/*"]),
        ("protect", "yes"),
    ],
)
def test_an_invalid_value_is_rejected_with_its_key_and_the_command_that_fixes_it(
    key: str, value: Any
) -> None:
    project = read_project(FOLDER)
    name = project["name"]
    config = {"repository": "octo/tweets", key: value}
    values = with_defaults(project, {f"{name}:{key}": value for key, value in config.items()})
    with pytest.raises(SettingsError) as error:
        parse_settings(values, name, "account")
    assert str(error.value).startswith(f"{key}: ")
    is_list = project["config"][key]["type"] == "array"
    remedy = f"--path '{key}[0]' VALUE" if is_list else f"{key} VALUE"
    assert f"Fix: pulumi config set {remedy} --stack account" in str(error.value)


def test_an_invalid_setting_fails_the_program_with_a_message_and_no_traceback() -> None:
    with pytest.raises(pulumi.RunError, match="pulumi config set branch VALUE --stack account"):
        deploy_bootstrap(branch="release/*")


def test_every_setting_of_the_bootstrap_program_has_a_rule() -> None:
    assert list(RULES) == list(read_project(FOLDER)["config"])
