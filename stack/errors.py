"""The exceptions of `stack/`."""

import json
from collections.abc import Iterable


class StackError(Exception):
    """Base of these exceptions; the message says what to do."""


class SettingsError(StackError):
    """A setting has a value that the program or AWS does not allow; the message says how to fix it."""

    def __init__(
        self,
        key: str,
        value: object,
        allowed: str,
        remedy: str,
        stack: str,
        problem: str = "is not a valid value",
    ) -> None:
        super().__init__(
            f"{key}: {json.dumps(value)} {problem}.\n  Allowed: {allowed}.\n  Fix: {remedy} --stack {stack}"
        )


class ManySettingsError(SettingsError):
    """Several settings are wrong; the message has that of each."""

    def __init__(self, errors: Iterable[SettingsError]) -> None:
        StackError.__init__(self, "\n".join(map(str, errors)))


def raise_errors(errors: Iterable[SettingsError]) -> None:
    """Raise the errors, all of them at once, so that a user corrects them at once.

    Raises:
        SettingsError: there are some.
    """
    found = list(errors)
    if found:
        raise found[0] if len(found) == 1 else ManySettingsError(found)


class StackFileError(StackError):
    """The engine would reject a stack's file, or it has a date, which is no text; the message says where and why."""


class FilterError(StackError):
    """AWS would reject an event filter's pattern; the message says where and why."""


class MisreadFilterError(FilterError):
    """AWS would accept the pattern, and would not do as it says."""


class OutputsError(StackError):
    """The stack's outputs cannot be read; the message says why and what to do."""


def detach_commands(stack: str, urn: str) -> str:
    """Return the commands, indented, that make a stack forget a resource, which stays in AWS with its data."""
    kept = f"{stack}-kept"
    return f"""\
    pulumi stack init {kept} --no-select
    pulumi state move '{urn}' --source {stack} --dest {kept}
    pulumi stack rm {kept} --force"""
