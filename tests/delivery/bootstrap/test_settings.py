"""The configuration of the bootstrap program."""

from typing import Any

import pytest

from infra.settings import ConfigError
from tests.infra.recorder import deploy_bootstrap


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
        ("stacks", "dev"),
        ("stacks", ["dev", "bootstrap"]),
        ("subject", "octo/tweets"),
        ("subject", "repo:octo@1/*"),
        ("subject", "repo:octo/tweets:environment:prod"),
        ("pullRequestStacks", ["test"]),
        ("githubProvider", "mine"),
        ("kmsKeyArns", ["*"]),
        ("protect", "yes"),
    ],
)
def test_a_bad_value_is_refused_with_its_key_and_the_command_that_fixes_it(key: str, value: Any) -> None:
    with pytest.raises(ConfigError) as refused:
        deploy_bootstrap(**{key: value})
    assert str(refused.value).startswith(f"{key}: ")
    assert f"pulumi config set {key} VALUE --stack account" in str(refused.value)
