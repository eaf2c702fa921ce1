"""Checks the alias `live` before `pulumi up` sets it: no rollback is undone, and a version that is chosen exists."""

from collections.abc import Callable
from typing import TypeVar

import pulumi
import pulumi_aws as aws

from stack.aws.live_alias import KEPT_VERSIONS, LIVE, deployed_version
from stack.errors import SettingsError

T = TypeVar("T")

_MISSING = ("couldn't find resource", "ResourceNotFoundException")
"""How AWS's provider, and AWS itself, say that there is no such function, version or alias."""
_UNPUBLISHED = "$LATEST"


class DeployedAlias:
    """The alias as AWS has it before the engine changes anything.

    AWS is asked in a transform, which only an engine runs: the state does not show that something else moved the alias,
    and whoever runs the program under mocks has no AWS to ask.
    """

    def __init__(self, function_name: str, wanted: str | None) -> None:
        """Prepare the check for a function; `wanted` is the setting `functionVersion`, None for the newest version."""
        self._function_name = function_name
        self._wanted = wanted
        self._problem = ""

    def read(self, _: pulumi.ResourceTransformArgs) -> None:
        """Ask AWS, as a transform of the resource whose output is passed to `check`."""
        try:
            self._problem = self._find_problem()
        except Exception as error:  # noqa: BLE001 # the SDK raises nothing narrower
            self._problem = (
                f"The alias {LIVE} of {self._function_name} cannot be read, and pulumi up must not undo a "
                f"rollback: {error}"
            )

    def check(self, value: pulumi.Output[str]) -> pulumi.Output[str]:
        """Return a value that fails the program if the alias was moved, cannot be read, or cannot be set."""

        def checked(text: str) -> str:
            if self._problem:
                raise pulumi.RunError(self._problem)
            return text

        return value.apply(checked)

    def _find_problem(self) -> str:
        """Return why the alias is left alone, and what to do; nothing if it may be set."""
        alias = _find(lambda: aws.lambda_.get_alias(function_name=self._function_name, name=LIVE))
        live = alias.function_version if alias else None
        deployed = deployed_version(alias.description) if alias else None
        if live and live not in (deployed, self._wanted):
            return self._explain_rollback(live, deployed)
        if self._wanted in (None, live) or self._find_version(self._wanted):
            return ""
        return self._explain_missing(self._wanted)

    def _explain_rollback(self, live: str, deployed: str | None) -> str:
        stack = pulumi.get_stack()
        back = f"python -m ops rollback --to {deployed} --stack {stack}"
        return (
            f"Version {live} of {self._function_name} is live, but the last pulumi up set "
            f"{f'version {deployed}' if deployed else 'another one'}: this pulumi up would undo that rollback.\n"
            f"  Keep version {live}: pulumi config set functionVersion {live} --stack {stack}"
            + (f"\n  Or go back to version {deployed}: {back}" if deployed else "")
        )

    def _explain_missing(self, wanted: str) -> str:
        stack = pulumi.get_stack()
        newest = self._newest_versions()
        allowed = "nothing, until the first pulumi up has published a version"
        if newest:
            older = f"older ones that `python -m ops versions --stack {stack}` lists"
            allowed = f"{', '.join(newest)}, or {older if int(newest[0]) > KEPT_VERSIONS else 'nothing'}"
        return str(
            SettingsError(
                "functionVersion",
                wanted,
                allowed,
                "pulumi config rm functionVersion",
                stack,
                problem=f"is not a version of {self._function_name}",
            )
        )

    def _newest_versions(self) -> list[str]:
        """Return the versions that are never pruned, newest first; the provider has no function that lists all."""
        newest = self._find_version(None)
        if newest in (None, _UNPUBLISHED):
            return []
        numbers = range(int(newest), max(0, int(newest) - KEPT_VERSIONS), -1)
        return [version for number in numbers if (version := self._find_version(str(number)))]

    def _find_version(self, number: str | None) -> str | None:
        """Return a version's number, the newest one's for None; None if there is no such version."""
        found = _find(lambda: aws.lambda_.get_function(function_name=self._function_name, qualifier=number))
        return found.version if found else None


def _find(ask: Callable[[], T]) -> T | None:
    """Return what AWS answers; None if there is no such thing."""
    try:
        return ask()
    except Exception as error:  # the SDK raises nothing narrower
        if any(each in str(error) for each in _MISSING):
            return None
        raise
