"""The settings of the bootstrap program: the values that each allows, parsed, checked and frozen."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stack.errors import SettingsError
from stack.rules import BOOLEAN, KMS_KEY_ARN, STREAM_ARN, Rule, check_values, matching, one_of
from stack.settings import STACK_NAME

REPOSITORY = re.compile(r"[A-Za-z0-9-]+/[A-Za-z0-9._-]+")
SUBJECT = re.compile(r"|repo:[A-Za-z0-9@-]+/[A-Za-z0-9@._-]+")
BRANCH = re.compile(r"[A-Za-z0-9._/-]+")


@dataclass(frozen=True, kw_only=True)
class BootstrapSettings:
    """The whole configuration; `pull_request_stacks` and `account_namespace_stacks` are some of `stacks`.

    `subject` is the start of the subject of GitHub's tokens for the repository. Repositories that were created,
    renamed or moved since June 2026 have ids in it ("Immutable subject claims", GitHub changelog).
    """

    repository: str
    subject: str
    branch: str
    stacks: Sequence[str]
    pull_request_stacks: Sequence[str]
    account_namespace_stacks: Sequence[str]
    create_github_provider: bool
    kms_key_arns: Sequence[str]
    stream_arns: Sequence[str]
    protect: bool


def _list_of(pattern: re.Pattern[str], allowed: str, *, may_be_empty: bool = False) -> Rule:
    """Allow a JSON list of different strings, each of which matches the pattern."""

    def allows(text: str) -> bool:
        try:
            members = json.loads(text)
        except ValueError:
            return False
        return (
            isinstance(members, list)
            and (may_be_empty or bool(members))
            and all(isinstance(member, str) and pattern.fullmatch(member) for member in members)
            and len(set(members)) == len(members)
        )

    # Without --path the value would be text, which the engine rejects.
    return Rule(f"a list of {allowed}, each once", allows, "pulumi config set --path '{key}[0]' VALUE")


RULES: Mapping[str, Rule] = {
    "repository": matching(REPOSITORY, "OWNER/NAME of a GitHub repository"),
    "subject": matching(SUBJECT, "such as repo:octo@1234/tweets@5678"),
    # No wildcard: the trust policies compare the branch as it is.
    "branch": matching(BRANCH, "the name of a branch"),
    "stacks": _list_of(STACK_NAME, "names of up to 25 letters, digits and hyphens, without -EventData"),
    "pullRequestStacks": _list_of(STACK_NAME, "some of stacks", may_be_empty=True),
    "accountNamespaceStacks": _list_of(STACK_NAME, "some of stacks", may_be_empty=True),
    "githubProvider": one_of("create", "existing"),
    "kmsKeyArns": _list_of(KMS_KEY_ARN, "ARNs of KMS keys", may_be_empty=True),
    "streamArns": _list_of(STREAM_ARN, "ARNs of Kinesis streams", may_be_empty=True),
    "protect": BOOLEAN,
}
"""The rule of each setting, in the order of `Pulumi.yaml`; contradictions between settings are checked after them."""


def parse_settings(values: Mapping[str, str], project: str, stack: str) -> BootstrapSettings:
    """Parse the configuration, which has the defaults of `Pulumi.yaml`.

    Raises:
        SettingsError: a value is not allowed or contradicts another, or a key is unknown.
    """
    own = check_values(RULES, values, project, stack)
    stacks = json.loads(own["stacks"])
    chosen = {key: json.loads(own[key]) for key in ("pullRequestStacks", "accountNamespaceStacks")}
    for key, names in chosen.items():
        if unknown := sorted(set(names) - set(stacks)):
            raise _error(key, unknown, f"some of stacks: {', '.join(stacks)}", stack)
    if "bootstrap" in stacks:  # the folder of this program's own state in the bucket
        raise _error("stacks", stacks, "names other than bootstrap", stack)
    return BootstrapSettings(
        repository=own["repository"],
        subject=own["subject"] or f"repo:{own['repository']}",
        branch=own["branch"],
        stacks=stacks,
        pull_request_stacks=chosen["pullRequestStacks"],
        account_namespace_stacks=chosen["accountNamespaceStacks"],
        create_github_provider=own["githubProvider"] == "create",
        kms_key_arns=json.loads(own["kmsKeyArns"]),
        stream_arns=json.loads(own["streamArns"]),
        protect=own["protect"] == "true",
    )


def _error(key: str, value: object, allowed: str, stack: str) -> SettingsError:
    return SettingsError(key, value, allowed, RULES[key].remedy.format(key=key), stack)
