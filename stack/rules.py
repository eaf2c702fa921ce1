"""Rules for the values of settings, and the check of a stack's configuration against them."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from stack.errors import SettingsError, raise_errors

KMS_KEY_ARN = re.compile(r"arn:aws[a-z-]*:kms:(?P<region>[a-z0-9-]+):[0-9]{12}:key/[A-Za-z0-9-]{1,128}")
STREAM_ARN = re.compile(
    r"arn:aws[a-z-]*:kinesis:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12}):stream/(?P<name>[a-zA-Z0-9_.-]{1,128})"
)

_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")


@dataclass(frozen=True)
class Rule:
    """The values that a setting allows: in words, and as a check of the string that the engine passes.

    `remedy` is the command that replaces a value, for the setting `{key}`.
    """

    allowed: str
    allows: Callable[[str], bool]
    remedy: str = "pulumi config set {key} VALUE"


def whole_number(lowest: int, highest: int) -> Rule:
    """Allow the whole numbers of a range, both ends included."""
    return Rule(
        f"a whole number from {lowest} to {highest}",
        lambda text: bool(_WHOLE_NUMBER.fullmatch(text)) and lowest <= int(text) <= highest,
    )


def one_of(*members: str) -> Rule:
    """Allow the members only."""
    return Rule(f"one of {', '.join(members)}", members.__contains__)


def matching(pattern: re.Pattern[str], allowed: str) -> Rule:
    """Allow text that matches a pattern as a whole."""
    return Rule(allowed, lambda text: bool(pattern.fullmatch(text)))


def optional(pattern: re.Pattern[str], allowed: str) -> Rule:
    """Allow text that matches a pattern as a whole, or none."""
    return Rule(f"{allowed}, or nothing", lambda text: not text or bool(pattern.fullmatch(text)))


BOOLEAN = one_of("true", "false")


def check_values(
    rules: Mapping[str, Rule], values: Mapping[str, str], project: str, stack: str
) -> dict[str, str]:
    """Return a project's own values by key, without its name; a value that is missing is empty.

    `values` is the configuration as the engine passes it to the program: full keys, string values.

    Raises:
        SettingsError: a value is not allowed, or a key is unknown or belongs to another project.
    """
    raise_errors(_check_keys(rules, values, project, stack))
    own = {key: values.get(f"{project}:{key}", "") for key in rules}
    raise_errors(
        SettingsError(key, own[key], rule.allowed, rule.remedy.format(key=key), stack)
        for key, rule in rules.items()
        if not rule.allows(own[key])
    )
    return own


def _check_keys(
    rules: Mapping[str, Rule], values: Mapping[str, str], project: str, stack: str
) -> Iterator[SettingsError]:
    """Yield an error for each unknown key, and for each project under whose name there are keys of this one."""
    others: set[str] = set()
    for full_key, value in values.items():
        namespace, _, key = full_key.partition(":")
        if namespace not in (project, "aws", "pulumi", *others) and key in rules:
            # The project was renamed, but not the keys that `pulumi config set` wrote under its old name.
            others.add(namespace)
            yield SettingsError(
                full_key,
                value,
                f"keys of this project, {project}",
                f"sed -i.bak 's/^  {namespace}:/  /' Pulumi.*.yaml && rm Pulumi.*.yaml.bak && pulumi preview",
                stack,
                problem=f"is a setting of another project, {namespace}, which would be ignored",
            )
        if namespace == project and key not in rules:
            yield SettingsError(
                key,
                value,
                f"the keys of Pulumi.yaml: {', '.join(rules)}",
                f"pulumi config rm {key}",
                stack,
                problem="is the value of a key that this project does not have",
            )
