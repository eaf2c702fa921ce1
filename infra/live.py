"""Keeps `pulumi up` from undoing a rollback: compares the alias `live` in AWS with what the last `up` set."""

import pulumi
import pulumi_aws as aws

from stack.aws.live_alias import LIVE, deployed_version

_MISSING = ("couldn't find resource", "ResourceNotFoundException")
"""How AWS's provider, and AWS itself, say that there is no such function or alias."""


class DeployedAlias:
    """The alias as AWS has it before the engine changes anything.

    AWS is asked in a transform, which only an engine runs: the state does not show that something else moved the alias,
    and whoever runs the program under mocks has no AWS to ask.
    """

    def __init__(self, function_name: str, wanted: str | None) -> None:
        """Prepare the check for a function; `wanted` is the setting `functionVersion`, None for the newest version."""
        self._function_name = function_name
        self._wanted = wanted
        self._alias: aws.lambda_.GetAliasResult | None = None
        self._problem = ""

    def read(self, _: pulumi.ResourceTransformArgs) -> None:
        """Read the alias, as a transform of the resource whose output is passed to `check`."""
        try:
            self._alias = aws.lambda_.get_alias(function_name=self._function_name, name=LIVE)
        except Exception as error:  # noqa: BLE001 # the SDK raises nothing narrower
            if not any(each in str(error) for each in _MISSING):
                self._problem = str(error)

    def check(self, value: pulumi.Output[str]) -> pulumi.Output[str]:
        """Return a value that fails the program if the alias was moved, or cannot be read."""

        def checked(text: str) -> str:
            if self._problem:
                raise pulumi.RunError(
                    f"The alias {LIVE} of {self._function_name} cannot be read, and pulumi up must not undo a "
                    f"rollback: {self._problem}"
                )
            if self._alias:
                deployed = deployed_version(self._alias.description)
                live = self._alias.function_version
                if live not in (deployed, self._wanted):
                    raise pulumi.RunError(_explain(self._function_name, live, deployed))
            return text

        return value.apply(checked)


def _explain(function_name: str, live: str, deployed: str | None) -> str:
    """Return why the alias is left alone, and what to do."""
    stack = pulumi.get_stack()
    back = f"python -m ops rollback --to {deployed} --stack {stack}"
    return (
        f"Version {live} of {function_name} is live, but the last pulumi up set "
        f"{f'version {deployed}' if deployed else 'another one'}: this pulumi up would undo that rollback.\n"
        f"  Keep version {live}: pulumi config set functionVersion {live} --stack {stack}"
        + (f"\n  Or go back to version {deployed}: {back}" if deployed else "")
    )
