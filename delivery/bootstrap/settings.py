"""The configuration of the bootstrap program: read once, validated, frozen."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from infra.settings import KMS_KEY_ARN, STACK_NAME, ConfigError

REPOSITORY = re.compile(r"[A-Za-z0-9-]+/[A-Za-z0-9._-]+")
SUBJECT = re.compile(r"|repo:[A-Za-z0-9@-]+/[A-Za-z0-9@._-]+")
BRANCH = re.compile(r"[A-Za-z0-9._/-]+")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The whole configuration; `pull_request_stacks` are some of `stacks`.

    `subject` is what the subject of GitHub's tokens for the repository begins with. Repositories that were made,
    renamed or moved since June 2026 have ids in it ("Immutable subject claims", GitHub changelog).
    """

    repository: str
    subject: str
    branch: str
    stacks: Sequence[str]
    pull_request_stacks: Sequence[str]
    create_github_provider: bool
    kms_key_arns: Sequence[str]
    protect: bool


def load() -> Settings:
    """Read the configuration.

    Raises:
        ConfigError: a value is invalid or contradicts another.
    """
    config = pulumi.Config()
    stacks = _strings(config, "stacks", STACK_NAME, "names of up to 25 letters, digits and hyphens")
    previewed = _strings(config, "pullRequestStacks", STACK_NAME, "some of stacks", may_be_empty=True)
    if unknown := sorted(set(previewed) - set(stacks)):
        raise _error("pullRequestStacks", unknown, f"some of stacks: {', '.join(stacks)}")
    if "bootstrap" in stacks:  # the folder of this program's own state in the bucket
        raise _error("stacks", stacks, "names other than bootstrap")
    repository = _string(config, "repository", REPOSITORY, "OWNER/NAME of a GitHub repository")
    subject = _string(config, "subject", SUBJECT, "such as repo:octo@1234/tweets@5678")
    return Settings(
        repository=repository,
        subject=subject or f"repo:{repository}",
        # No wildcard: the trust policies compare the branch as it is.
        branch=_string(config, "branch", BRANCH, "the name of a branch"),
        stacks=stacks,
        pull_request_stacks=previewed,
        create_github_provider=_choice(config, "githubProvider", "create", "existing") == "create",
        kms_key_arns=_strings(config, "kmsKeyArns", KMS_KEY_ARN, "ARNs of KMS keys", may_be_empty=True),
        protect=_choice(config, "protect", "true", "false") == "true",
    )


def _string(config: pulumi.Config, key: str, pattern: re.Pattern[str], allowed: str) -> str:
    value = config.require(key)
    if not pattern.fullmatch(value):
        raise _error(key, value, allowed)
    return value


def _choice(config: pulumi.Config, key: str, *allowed: str) -> str:
    value = config.require(key)
    if value not in allowed:
        raise _error(key, value, f"one of {', '.join(allowed)}")
    return value


def _strings(
    config: pulumi.Config, key: str, pattern: re.Pattern[str], allowed: str, *, may_be_empty: bool = False
) -> list[str]:
    try:
        values = json.loads(config.require(key))
    except ValueError:
        values = config.require(key)
    if (
        not isinstance(values, list)
        or not (values or may_be_empty)
        or len(set(map(str, values))) != len(values)
        or not all(isinstance(value, str) and pattern.fullmatch(value) for value in values)
    ):
        raise _error(key, values, f"a list of {allowed}, each once")
    return values


def _error(key: str, value: object, allowed: str) -> ConfigError:
    return ConfigError(key, value, allowed, f"pulumi config set {key} VALUE")
