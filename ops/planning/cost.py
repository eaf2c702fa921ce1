"""`python -m ops cost`: estimate what a stack costs per month under a load."""

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, TypedDict, TypeVar

import click
from rich.table import Table

from event import types as event_types
from ops.errors import OptionsError
from ops.planning import prices as price_list
from ops.planning.estimate import (
    HOURS,
    Line,
    Load,
    estimate,
    estimate_original,
    resharding,
    variants,
    write_capacity,
)
from ops.terminal.display import console, json_option, write_json
from stack.errors import SettingsError, StackError
from stack.files.stack_file import encrypted_keys, read_stack_file
from stack.prices import Price, Prices
from stack.printing import printable
from stack.project import PROJECT, read_project, with_defaults
from stack.settings import RULES, Settings, parse_settings

F = TypeVar("F", bound=Callable[..., Any])

FREE_SETTINGS = frozenset({"alarmEmail", "kmsKeyArn", "kmsKeyArnPrevious", "permissionsBoundaryArn", "tags"})
"""Settings that do not change the estimate, whatever their value."""
DEFAULT_SIZE = 500
"""Bytes of an event on the stream, if nothing else is said."""
_MIN_CHANGE = 0.01
"""Minimum change in dollars for a setting to be listed."""
_WIDE = 110
"""Columns from which on the original design's quantities are shown too."""
_MAX_RATE = 1_000_000
"""Maximum events per second: the capacity of a thousand shards."""


def _number(_context: click.Context, _parameter: click.Parameter, value: float) -> float:
    """Reject NaN, which click accepts in any range."""
    if math.isnan(value):
        raise click.BadParameter("nan is not a number.")
    return value


size_option = click.option(
    "--size",
    type=click.IntRange(1, 1024**2),
    default=DEFAULT_SIZE,
    show_default=True,
    metavar="BYTES",
    help="Average size of an event on the stream.",
)
"""The option of whatever estimates a cost."""
_LOAD_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option(
        "--stack", default="dev", show_default=True, metavar="NAME", help="Stack whose file to read."
    ),
    click.option(
        "--rate",
        type=click.FloatRange(0, _MAX_RATE, min_open=True),
        callback=_number,
        default=10,
        show_default=True,
        metavar="N",
        help="Average number of events per second.",
    ),
    size_option,
    click.option(
        "--prices",
        "override",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Prices and assumptions that replace the project's.",
    ),
)


def load_options(command: F) -> F:
    """Add the options that describe a load, and the stack and the prices to compute with."""
    for option in reversed(_LOAD_OPTIONS):
        command = option(command)
    return command


class PricedLine(TypedDict):
    """An item of the bill."""

    name: str
    quantity: Annotated[float, "units a month"]
    price: Price
    dollars: Annotated[float, "a month"]
    settings: Annotated[str, "what it depends on"]


class Bill(TypedDict):
    """A design's items and their sum."""

    total: Annotated[float, "dollars a month"]
    lines: list[PricedLine]


class Change(TypedDict):
    """A setting that would change the bill."""

    setting: str
    dollars: Annotated[float, "a month, negative if it saves"]


class Cost(Bill):
    """One document."""

    stack: str
    load: Load
    region: Annotated[str, "of the prices"]
    note: Annotated[str, "on the prices"]
    original: Annotated[Bill, "of the original sample's design"]
    changes: list[Change]
    remarks: list[str]


@click.command(
    epilog="""\b
Examples:
  python -m ops cost --stack prod --rate 200 --size 700
  python -m ops cost --rate 20 --json | jq .total
  python -m ops cost --prices eu-west-1.json

The stack's settings are read from Pulumi.yaml and Pulumi.NAME.yaml; AWS is not called. The prices
are those of stack/prices.json; --prices takes a file of the same form with what differs elsewhere:
{"region": "eu-west-1", "prices": {"kinesis-shard": {"dollars": 0.017, "noted": "2026-12-01"}}}.
""",
)
@load_options
@json_option(Cost)
def command(stack: str, rate: float, size: int, override: Path | None, as_json: bool) -> None:
    """Estimate a month's cost next to the original design's, and what would change it."""
    prices, load = price_list.load(override), Load(rate, size)
    if as_json:
        write_json(describe_cost(stack, load, prices))
        return
    settings = load_settings(stack)
    ours, original = estimate(settings, load, prices), estimate_original(load, prices)
    total = _total(ours)
    out = console()
    plural = event_types.load(settings.event_type).plural
    out.print(
        f"{stack}: {rate:,.9g} {plural}/s of {size:,} bytes, in a month of {HOURS} hours, {prices.region}\n"
    )
    out.print(_table(ours, original, prices))
    if total:  # --prices may set every price to 0
        largest = max(ours, key=lambda line: line.dollars)
        share = largest.dollars / total
        out.print(
            f"\nThe largest item is {largest.name}, {share:.0%} of the sum. It depends on {largest.settings}."
        )
    out.print("Effect of other settings, in dollars a month:")
    for change, name in _changes(settings, load, prices):
        if abs(change) >= _MIN_CHANGE:
            out.print(f"  {_signed(change):>10}  {name}")
    for remark in _remarks(stack, settings, load, prices):
        out.print(f"\n{remark}")
    out.print()
    dates = sorted({price.noted for price in prices.by_name.values()})
    for number, source in enumerate(_sources([*ours, *original], prices), 1):
        out.print(f"[{number}] {prices.sources[source]}", style="dim")
    noted = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    out.print(f"Prices of {prices.region}, noted {noted}. {printable(prices.note)}", style="yellow")
    out.print(
        f"\n{stack} costs about ${total:,.2f} a month; the original design ${_total(original):,.2f}.",
        style="bold",
    )


def describe_cost(stack: str, load: Load, prices: Prices) -> Cost:
    """Estimate a month's cost of a stack under a load.

    Raises:
        OptionsError: the stack has no file, a value is not allowed, or one that the estimate needs is encrypted.
    """
    settings = load_settings(stack)
    return Cost(
        stack=stack,
        load=load,
        region=prices.region,
        note=prices.note,
        **_bill(estimate(settings, load, prices)),
        original=_bill(estimate_original(load, prices)),
        changes=[
            Change(setting=name, dollars=round(change, 2))
            for change, name in _changes(settings, load, prices)
        ],
        remarks=_remarks(stack, settings, load, prices),
    )


def _changes(settings: Settings, load: Load, prices: Prices) -> list[tuple[float, str]]:
    """Return the settings that would change the cost, each after the dollars a month, cheapest first."""
    total = _total(estimate(settings, load, prices))
    return sorted(
        (_total(estimate(changed, load, prices)) - total, name)
        for name, changed in variants(settings)
        if changed.stream.shards is None or changed.stream.shards >= load.shards
    )


def load_settings(stack: str) -> Settings:
    """Load a stack's settings: the project's defaults and the stack's file, merged as by the engine.

    Encrypted values that cost nothing are taken to have their default.

    Raises:
        OptionsError: there is no such file, a value is not allowed, or one that the estimate needs is encrypted.
    """
    project = read_project()
    config = _read_stack_file(stack)
    encrypted = encrypted_keys(config)
    needed = {f"{project['name']}:{key}" for key in RULES.keys() - FREE_SETTINGS}
    for key in sorted(encrypted & needed):
        name = key.partition(":")[2]
        raise OptionsError(
            f"{name} is encrypted in {PROJECT / f'Pulumi.{stack}.yaml'}, and the estimate needs it: "
            f"pulumi config set {name} VALUE --plaintext --stack {stack}"
        )
    values = with_defaults(project, {key: value for key, value in config.items() if key not in encrypted})
    try:
        return parse_settings(values, project["name"], stack)
    except SettingsError as error:
        raise OptionsError(str(error)) from error


def load_region(stack: str) -> str:
    """Return the region that a stack's file names, us-east-1 if it names none.

    Raises:
        OptionsError: there is no such file.
    """
    return str(_read_stack_file(stack).get("aws:region", "us-east-1"))


def _read_stack_file(stack: str) -> dict[str, Any]:
    path = PROJECT / f"Pulumi.{stack}.yaml"
    try:
        return read_stack_file(path, read_project())
    except FileNotFoundError as error:
        known = ", ".join(sorted(file.name.split(".")[1] for file in PROJECT.glob("Pulumi.*.yaml")))
        raise OptionsError(f"{path} does not exist: the stacks with a file are {known}.") from error
    except StackError as error:
        raise OptionsError(str(error)) from error


def _remarks(stack: str, settings: Settings, load: Load, prices: Prices) -> list[str]:
    remarks = []
    existing = settings.existing_stream
    if settings.stream.shards and settings.stream.shards < load.shards:
        remedy = (
            f"{resharding(existing, load.shards)}, and streamShards {load.shards}"
            if existing
            else f"pulumi config set streamShards {load.shards} --stack {stack}"
        )
        remarks.append(
            f"This load needs {load.shards} shards, the stream has {settings.stream.shards}: {remedy}"
        )
    if existing:
        remarks.append(
            f"Not in the sum: the stream {existing.stream_name} itself (streamArn), which costs the same without this "
            "stack. Reading it is free, from an on-demand stream all but its data out."
        )
    if capacity := settings.table.capacity:
        units = write_capacity(capacity, load)
        remarks.append(
            f"The table is taken to have {units:,.0f} write units, of which {capacity.utilization} % are used at "
            "this rate (tableWriteUtilization); a rate that changes costs more, because it scales down slowly."
        )
        if units < load.rate * load.write_units:
            remarks.append(
                f"tableMaxWriteCapacity {capacity.max_write:,} is too small for this load: "
                f"pulumi config set tableMaxWriteCapacity {math.ceil(load.rate * load.write_units * 1.5)} "
                f"--stack {stack}"
            )
    ceiling, units = settings.table.max_writes or -1, math.ceil(load.rate * load.write_units)
    if 0 < ceiling < units:
        remarks.append(
            f"tableMaxWrites {ceiling:,} is too small for this load: the stream buffers the rest until it expires: "
            f"pulumi config set tableMaxWrites {math.ceil(units * 1.5)} --stack {stack}"
        )
    if settings.mapping.filters:
        remarks.append(
            "All records are taken to pass the filters (mappingFilters); the others cost on the stream alone, and not "
            "for function and table."
        )
    if settings.stream.warm_mib:
        remarks.append(
            "On-demand advantage is the account's: its minimum is charged once for all on-demand streams of the "
            "region, here in full."
        )
    remarks.append(
        "Original: the original sample's design, with the shards and the write capacity that this load needs."
    )
    source = ""
    if settings.event_type == event_types.DEFAULT_EVENT_TYPE:  # X brings no others
        x_posts = prices["x-post"]
        source = (
            f"X itself, which charges {x_posts} a post (${x_posts.of(load.events):,.0f} for this load) and perhaps "
            f"{prices['x-user']} for its author ({prices.sources['x']}), "
        )
    remarks.append(
        f"Not in the sum: {source}requests to KMS, data that leaves AWS, and the growth of the table after the "
        "first month."
    )
    return remarks


def _table(ours: list[Line], original: list[Line], prices: Prices) -> Table:
    by_name = {line.name: line for line in original}
    numbers = {source: number for number, source in enumerate(_sources([*ours, *original], prices), 1)}
    names = [*(line.name for line in ours), *(name for name in by_name if name not in {o.name for o in ours})]
    mine = {line.name: line for line in ours}
    table = Table(box=None, pad_edge=False, header_style="bold", show_footer=True, footer_style="bold")
    sums = [f"${_total(lines):,.2f}" for lines in (ours, original)]
    headings = ("This stack", "Original")
    wide = console().width >= _WIDE
    # Only the quantities may be cut: never a name, never money.
    money = sum(max(len(heading), len(amount)) for heading, amount in zip(headings, sums, strict=True))
    free = console().width - max(len(f"{name} [1]") for name in names) - money - 6
    quantity = max(8, free // 2 - 1 if wide else free)
    table.add_column("", footer="Sum", no_wrap=True)
    table.add_column("Quantity and unit price", no_wrap=True, overflow="ellipsis", max_width=quantity)
    table.add_column(headings[0], footer=sums[0], justify="right", no_wrap=True)
    if wide:
        table.add_column("Quantity", no_wrap=True, overflow="ellipsis", max_width=quantity)
    table.add_column(headings[1], footer=sums[1], justify="right", no_wrap=True)
    for name in names:
        line = mine.get(name) or by_name[name]
        cells = [
            f"{name} [{numbers[line.price.source]}]",
            f"{_short(line.quantity)} {line.price.unit} at {line.price}",
            _dollars(mine.get(name)),
            _dollars(by_name.get(name)),
        ]
        if wide:
            cells.insert(
                3, f"{_short(by_name[name].quantity)} {by_name[name].price.unit}" if name in by_name else ""
            )
        table.add_row(*cells)
    return table


def _sources(lines: Iterable[Line], prices: Prices) -> list[str]:
    """Return the sources of the prices of these lines, in the order of all."""
    used = {line.price.source for line in lines}
    return [source for source in prices.sources if source in used]


def _bill(lines: list[Line]) -> Bill:
    priced = [
        PricedLine(
            name=line.name,
            quantity=line.quantity,
            price=line.price,
            dollars=round(line.dollars, 4),
            settings=line.settings,
        )
        for line in lines
    ]
    return Bill(total=round(_total(lines), 2), lines=priced)


def _total(lines: list[Line]) -> float:
    return sum(line.dollars for line in lines)


def _dollars(line: Line | None) -> str:
    return "" if line is None else f"{line.dollars:,.2f}"


def _signed(dollars: float) -> str:
    return f"{'+' if dollars > 0 else '-'}${abs(dollars):,.2f}"


def _short(quantity: float) -> str:
    for factor, unit in ((10**12, " T"), (10**9, " G"), (10**6, " M"), (10**3, " k")):
        if quantity >= factor:
            return f"{quantity / factor:.3g}{unit}"
    return f"{quantity:.3g}"
