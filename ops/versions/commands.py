"""`python -m ops versions` and `prune`: list the versions of the function, and delete old ones."""

from datetime import datetime
from typing import Annotated, TypedDict

import click
from botocore.exceptions import ClientError
from rich.table import Table

from event.record import iso
from ops.aws.stack import Stack, stack_options
from ops.terminal.display import console, count, json_option, write_json
from ops.versions.published import Live, Version, list_versions, require_live
from stack.aws.live_alias import KEPT_VERSIONS

_SHOWN = 12
"""Characters of a hash in the table, as many as tell versions apart; --json has all."""


class ListedVersion(TypedDict):
    """A published version."""

    version: int
    published: datetime
    sha256: Annotated[str, "of its archive, in Base64 as AWS shows it"]


class Versions(TypedDict):
    """One document."""

    function: str
    live: Annotated[int, "the version that is live"]
    deployed: Annotated[int | None, "the version that `pulumi up` made live, null if that is unknown"]
    versions: Annotated[list[ListedVersion], "newest first"]


class Pruned(TypedDict):
    """One document."""

    deleted: Annotated[list[int], "the versions deleted"]
    kept: Annotated[int, "how many are left"]


@click.command(
    epilog="""\b
Examples:
  python -m ops versions --stack dev
  python -m ops versions --stack dev --json | jq .live

Each `pulumi up` that changes the function's code or settings publishes a version of both.

Needs, on the function: lambda:GetAlias and lambda:ListVersionsByFunction.
""",
)
@json_option(Versions)
@stack_options("region", "function_name", reads_only=True)
def versions(stack: Stack, as_json: bool) -> None:
    """List the versions of the function, newest first, and which is live."""
    live, published = require_live(stack), list_versions(stack)
    if as_json:
        write_json(
            Versions(
                function=stack.output("function_name"),
                live=live.number,
                deployed=live.deployed,
                versions=[
                    ListedVersion(version=each.number, published=each.published, sha256=each.sha256)
                    for each in published
                ],
            )
        )
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Version", justify="right")
    for heading in ("Published", "SHA-256 of the code", ""):
        table.add_column(heading)
    for each in published:
        table.add_row(str(each.number), iso(each.published), each.sha256[:_SHOWN], _remark(each, live))
    console().print(table)


def _remark(version: Version, live: Live) -> str:
    if version.number == live.number:
        return "live"
    return "set by pulumi up" if version.number == live.deployed else ""


@click.command(
    epilog="""\b
Examples:
  python -m ops prune --stack dev

The deployment's workflow runs it. AWS keeps every version, and counts the archives of all towards 75 GB in a region.

Needs, on the function: lambda:GetAlias and lambda:ListVersionsByFunction, on its versions lambda:DeleteFunction.
""",
)
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@json_option(Pruned)
@stack_options("region", "function_name")
def prune(stack: Stack, yes: bool, as_json: bool) -> None:
    """Delete the versions of the function, except the newest ten, the live one and those that an alias names."""
    live, published = require_live(stack), list_versions(stack)
    old = [
        each.number for each in published[KEPT_VERSIONS:] if each.number not in (live.number, live.deployed)
    ]
    if old and not yes:
        click.confirm(
            f"Delete {count(len(old), 'version')} of {stack.output('function_name')} "
            f"({', '.join(map(str, old))})?",
            abort=True,
            err=True,
        )
    deleted = [number for number in old if _delete(stack, number)]
    if as_json:
        write_json(Pruned(deleted=deleted, kept=len(published) - len(deleted)))
        return
    console().print(
        f"Deleted {count(len(deleted), 'version')}, kept {len(published) - len(deleted):,}.", soft_wrap=True
    )


def _delete(stack: Stack, version: int) -> bool:
    """Delete a version; return False if an alias names it, which AWS refuses."""
    try:
        stack.lambda_.delete_function(FunctionName=stack.output("function_name"), Qualifier=str(version))
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceConflictException":
            return False
        raise
    return True
