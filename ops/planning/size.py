"""`python -m ops size`: plan a stack for a load."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, TypedDict

import click
from rich.table import Table
from rich.text import Text

from event import types as event_types
from ops.planning import prices as price_list
from ops.planning.cost import load_options, load_region, load_settings
from ops.planning.estimate import Load, estimate
from ops.planning.plan import Item, Note, Plan, make_plan
from ops.planning.quotas import Quota
from ops.terminal.display import console, json_option, wrap_command, write_json

_MARGIN = 4
"""Columns around a command: its indent, and the backslash at its end."""


class PlannedQuota(TypedDict):
    """A quota of the account in the region."""

    name: str
    needed: float
    default: Annotated[float, "AWS's own"]
    unit: str
    source: Annotated[str, "the document that names it"]
    command: Annotated[str, "asks for more"]
    passed: Annotated[bool, "whether more than the default is needed"]


class Sized(TypedDict):
    """One document."""

    stack: str
    region: str
    load: Load
    items: Sequence[Item]
    quotas: list[PlannedQuota]
    commands: Annotated[list[str], "to change the stack's settings"]
    notes: Sequence[Note]
    dollars: Annotated[float, "a month, once they are changed"]


@click.command(
    epilog="""\b
Examples:
  python -m ops size --rate 5000 --size 700
  python -m ops size --rate 1000000 --stack prod
  python -m ops size --rate 5000 --json | jq -r '.commands[]'

Starts from the stack's settings (Pulumi.yaml and Pulumi.NAME.yaml) and changes those that the load needs;
AWS is not called. Each number is shown with its formula; the times rest on the measured assumptions of
stack/prices.json. Quotas are AWS's defaults: your account's own may be higher or, if it is new, lower.
""",
)
@load_options
@json_option(Sized)
def command(stack: str, rate: float, size: int, override: Path | None, as_json: bool) -> None:
    """Plan shards, memory, batches and capacity for a load, with cost, lag, and the quotas to raise."""
    load, prices = Load(rate, size), price_list.load(override)
    region = load_region(stack)
    settings = load_settings(stack)
    plan = make_plan(settings, load, prices, region)
    dollars = sum(line.dollars for line in estimate(plan.settings, load, prices))
    commands = [f"pulumi config set --stack {stack} {key} {value}" for key, value in plan.changes]
    raises = [quota.command for quota in plan.quotas if quota.passed]
    notes = [_naming(stack, note) for note in plan.notes]
    if as_json:
        write_json(
            Sized(
                stack=stack,
                region=region,
                load=load,
                items=plan.items,
                quotas=[
                    PlannedQuota(
                        name=quota.name,
                        needed=quota.needed,
                        default=quota.default,
                        unit=quota.unit,
                        source=quota.source,
                        command=quota.command,
                        passed=quota.passed,
                    )
                    for quota in plan.quotas
                ],
                commands=commands,
                notes=notes,
                dollars=round(dollars, 2),
            )
        )
        return
    out = console()
    plural = event_types.load(settings.event_type).plural
    out.print(f"{stack}: {rate:,.9g} {plural}/s of {size:,} bytes in {region}\n", soft_wrap=True)
    out.print(_items(plan))
    out.print("\nQuotas of the account in this region, by default", style="bold")
    out.print(_quotas(plan.quotas))
    for number, source in enumerate(dict.fromkeys(quota.source for quota in plan.quotas), 1):
        out.print(f"[{number}] {source}", style="dim")
    if raises:
        out.print("\nAsk for more, days before the load comes:", style="bold")
        for line in raises:
            out.print(f"  {wrap_command(line, out.width - _MARGIN)}", soft_wrap=True)
    out.print("\nSet and deploy:" if commands else "\nThe stack's settings are enough.", style="bold")
    for line in [*commands, f"pulumi up --stack {stack}"] if commands else []:
        out.print(f"  {line}", soft_wrap=True)
    for note in notes:
        out.print(f"\n{note.text}")
        if note.command:
            out.print(f"  {wrap_command(note.command, out.width - _MARGIN)}", soft_wrap=True)
    out.print(f"\nAbout ${dollars:,.2f} a month with these settings.", style="bold")
    cost = f"python -m ops cost --stack {stack} --rate {rate:.9g} --size {size}"
    out.print(f"  {cost}   # each item, {'once they are set' if commands else 'now'}", soft_wrap=True)


def _naming(stack: str, note: Note) -> Note:
    """Return a note whose command of Pulumi names the stack."""
    is_pulumi = note.command.startswith("pulumi ")
    return replace(note, command=f"{note.command} --stack {stack}") if is_pulumi else note


def _items(plan: Plan) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", no_wrap=True)
    table.add_column("Plan", justify="right", no_wrap=True)
    table.add_column("Because", overflow="fold")
    for item in plan.items:
        formula = Text(item.formula, style="dim")
        if item.setting:
            formula.append(f" ({item.setting})")
        table.add_row(item.name, Text(item.value, style="bold"), formula)
    return table


def _quotas(quotas: Sequence[Quota]) -> Table:
    sources = list(dict.fromkeys(quota.source for quota in quotas))
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Quota")
    for name in ("Needed", "Default", ""):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for quota in quotas:
        table.add_row(
            f"{quota.name} [{sources.index(quota.source) + 1}]",
            f"{quota.needed:,.0f}",
            f"{quota.default:,.0f}",
            quota.unit,
            Text("ask for more", style="bold red") if quota.passed else Text("ok", style="green"),
        )
    return table
