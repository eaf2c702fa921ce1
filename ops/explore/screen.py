"""Shows rows: as a table on a screen, and as a line."""

from collections.abc import Iterable

from rich.table import Table
from rich.text import Text

from event.attribute import TIMES, Type
from event.schema import Schema
from ops.explore.row import Row, shown_attributes, time_attribute, title
from ops.terminal.display import autowrap_off, console, is_pipe

_WIDE = 110
"""Columns from which a terminal has room for the sort key."""
_CLOCK_WIDTH = 19
_MIN_NUMBER_WIDTH = 10
"""Columns of a number, so that rows which are printed one by one are below each other."""


def print_table(event: Schema, rows: Iterable[Row], *, show_header: bool = True) -> None:
    """Print the rows with their time, keys, and what else a list shows."""
    with autowrap_off():
        console().print(_draw_table(event, rows, show_header=show_header))


def _draw_table(event: Schema, rows: Iterable[Row], *, show_header: bool) -> Table:
    pipe = is_pipe()
    wide = pipe or console().width >= _WIDE
    time, shown = time_attribute(event), shown_attributes(event)
    columns = [time] if time else []
    columns += [key for key in (event.keys if wide or not shown else event.keys[:1]) if key != time]
    columns += shown
    table = Table(box=None, pad_edge=False, header_style="bold", show_header=show_header, expand=not pipe)
    for attribute in columns:
        width = ratio = None
        if attribute.type in TIMES:
            width = _CLOCK_WIDTH
        elif pipe:
            pass  # each column is as wide as its content
        elif attribute in event.keys:
            width = 15 if not wide else 24 if attribute == event.keys[0] else 20
        elif attribute.type not in (Type.NUMBER, Type.BOOLEAN):
            ratio = 1
        heading = f"{title(attribute)} (UTC)" if attribute.type in TIMES else title(attribute)
        table.add_column(
            heading,
            min_width=None if pipe else max(len(heading), _MIN_NUMBER_WIDTH),
            justify="right" if attribute.type is Type.NUMBER else "left",
            no_wrap=True,
            overflow="ellipsis",
            width=width,
            ratio=ratio,
        )
    for row in rows:
        table.add_row(*(Text(row.cell(attribute)) for attribute in columns))
    return table


def draw_line(row: Row) -> Text:
    """Draw a row with its time, partition key, and what else a list shows."""
    time = time_attribute(row.event)
    clock = f"{row.cell(time)}  " if time else ""
    return Text.assemble((clock, "dim"), (row.cell(row.event.keys[0]), "bold"), "  ", row.summary)
