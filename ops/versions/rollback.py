"""`python -m ops rollback`: make an earlier version of the function live, at once."""

from typing import Annotated, TypedDict

import click

from event.record import iso
from ops.aws.default import stack_name
from ops.aws.stack import Stack, stack_options
from ops.errors import OptionsError, VersionError
from ops.terminal.display import console, error_console, json_option, write_json
from ops.versions.published import Version, list_versions, require_live
from stack.aws.live_alias import LIVE

_DESTINATIONS = {"TABLE_NAME": "table_name", "QUARANTINE_BUCKET": "quarantine_bucket"}
"""The function's variables that name what the stack may have replaced since, with the outputs of today."""


RolledBack = TypedDict(
    "RolledBack",
    {
        "function": str,
        "from": Annotated[int, "the version that was live"],
        "to": Annotated[int, "the version that is live"],
        "keep": Annotated[
            str | None, "the command that keeps it at the next deployment, null if none is needed"
        ],
    },
)
RolledBack.__doc__ = "One document."


@click.command(
    "rollback",
    epilog="""\b
Examples:
  python -m ops rollback --stack prod
  python -m ops rollback --stack prod --to 41 --yes

A version has code and settings: memory, timeout, log level, tracing and environment variables go back too. Those of
stream, table and mapping stay. Batches that are with the function end in the version that they began in; the next ones
go to the other.

`pulumi up` and `pulumi preview` fail until the setting functionVersion agrees, so that no deployment undoes the
rollback unnoticed. docs/rollback.md leads from the alarm to the repaired release.

Needs, on the function: lambda:GetAlias, lambda:ListVersionsByFunction and lambda:UpdateAlias.
""",
)
@click.option(
    "--to",
    "number",
    type=click.IntRange(1),
    metavar="N",
    help="Version to make live.",
    show_default="the one before the live one",
)
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@json_option(RolledBack)
@stack_options("region", "function_name", "table_name", "quarantine_bucket")
def command(stack: Stack, number: int | None, yes: bool, as_json: bool) -> None:
    """Make an earlier version of the function live, at once."""
    live, published = require_live(stack), {each.number: each for each in list_versions(stack)}
    target = _choose(published, live.number, number)
    name = stack.output("function_name")
    if target.number != live.number:
        _check_destinations(stack, target)
        current = published[live.number]
        if not yes:
            _confirm(name, current, target)
        stack.lambda_.update_alias(FunctionName=name, Name=LIVE, FunctionVersion=str(target.number))
    agrees = target.number == live.deployed
    remedy = f"pulumi config set functionVersion {target.number} --stack {stack_name(name)}"
    if as_json:
        write_json(
            RolledBack(
                {
                    "function": name,
                    "from": live.number,
                    "to": target.number,
                    "keep": None if agrees else remedy,
                }
            )
        )
        return
    if target.number == live.number:
        console().print(f"Version {live.number} of {name} is live already.", soft_wrap=True)
    else:
        console().print(
            f"Version {target.number} of {name} is live; before it was {live.number}.", soft_wrap=True
        )
    if not agrees:
        console().print(f"To keep it: {remedy}", soft_wrap=True)


def _choose(published: dict[int, Version], live: int, number: int | None) -> Version:
    """Return the version to make live.

    Raises:
        OptionsError: there is no such version.
        VersionError: no version is older than the live one.
    """
    if number is None:
        number = max((each for each in published if each < live), default=None)
        if number is None:
            raise VersionError(f"No version is older than {live}, which is live: give another one with --to.")
    if number not in published:
        raise OptionsError(f"There is no version {number}, but {', '.join(map(str, sorted(published)))}.")
    return published[number]


def _check_destinations(stack: Stack, target: Version) -> None:
    """Check that a version writes to the stack's table and quarantine.

    Raises:
        VersionError: it names others, which its role may not write to, or which are gone.
    """
    for variable, output in _DESTINATIONS.items():
        named, present = target.settings.get(variable), stack.output(output)
        if named != present:
            raise VersionError(
                f"Version {target.number} writes to {named}, but the stack has {present}: none of its writes would "
                "succeed. Choose a later version with --to."
            )


def _confirm(name: str, current: Version, target: Version) -> None:
    """Ask whether to go; end the command if the answer is no."""
    for label, version in (("Live is", current), ("Going to", target)):
        error_console().print(
            f"{label} version {version.number} of {iso(version.published)}, code {version.sha256}.",
            soft_wrap=True,
        )
    if changes := ", ".join(current.differences(target)):
        error_console().print(f"Settings that change with it: {changes}.", soft_wrap=True)
    click.confirm(f"Make version {target.number} of {name} live?", abort=True, err=True)
