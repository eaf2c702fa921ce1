"""The page of a report: one file of HTML that loads nothing and runs no script."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html import escape
from io import StringIO

from rich.console import Console

from ops.health.check import Check
from ops.health.frame import Frame
from ops.planning.cost import Cost
from ops.quarantine.presentation import ListedObject, clock, headline
from ops.quarantine.selection import ReasonTotals
from ops.terminal.display import size, span
from stack.printing import printable

_FRAME_WIDTH, _FRAME_HEIGHT = 100, 40
_CODE = re.compile(r"`([^`]+)`")

_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; color: #1f2328; background: #fff; max-width: 60rem;
  margin: 2rem auto; padding: 0 1rem; }}
h1 {{ font-size: 1.5rem; }}
h2 {{ font-size: 1.15rem; margin-top: 2rem; break-after: avoid; }}
pre, code {{ font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }}
pre {{ font-size: 13px; line-height: 1.25; overflow-x: auto; border: 1px solid #d0d7de; padding: .75rem; }}
code {{ font-size: .9em; background: #f3f4f6; padding: .1em .3em; overflow-wrap: anywhere; white-space: pre-wrap; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid #d0d7de;
  overflow-wrap: anywhere; }}
td:first-child {{ min-width: 6.5rem; }}
td.number, th.number {{ text-align: right; white-space: nowrap; }}
th {{ font-weight: 600; }}
tr {{ break-inside: avoid; }}
.state {{ white-space: nowrap; font-weight: 600; }}
.ok {{ color: #1a7f37; }} .warning, .old {{ color: #9a6700; }} .bad {{ color: #cf222e; }} .unknown {{ color: #8250df; }}
@media print {{ body {{ margin: 0; max-width: none; font-size: 10pt; }} pre {{ font-size: 7.5pt; }} }}
</style>
</head>
<body>
{body}
</body>
</html>
"""


@dataclass(frozen=True, slots=True)
class Quarantine:
    """What is in quarantine: all of it by reason, and the newest objects."""

    reasons: Mapping[str, ReasonTotals]
    newest: Sequence[ListedObject]


@dataclass(frozen=True, slots=True)
class Report:
    """State of a stack at one moment; a text stands for a part that cannot be read, and says why."""

    frame: Frame
    quarantine: Quarantine | str
    cost: Cost | str

    @property
    def healthy(self) -> bool:
        """Whether no check is bad or unknown, as for `status`."""
        return not any(check.unhealthy for check in self.frame.checks)


def render(report: Report) -> str:
    """Render a report; every value is escaped."""
    taken = datetime.fromtimestamp(report.frame.taken, UTC)
    return _PAGE.format(
        title=f"{'Healthy' if report.healthy else 'Not healthy'}: {_text(report.frame.where)}",
        body="\n".join(
            (
                f"<h1>{_text(report.frame.where)}</h1>",
                f"<p>{_verdict(report)} {clock(taken)}.</p>",
                "<h2>At work</h2>",
                _frame(report.frame),
                "<h2>Checks</h2>",
                *_table(("Check", "State", "Result"), map(_check, report.frame.checks)),
                "<h2>Quarantine</h2>",
                *_quarantine(report.quarantine, taken),
                "<h2>Cost</h2>",
                *_cost(report.cost, report.frame.event.plural),
            )
        ),
    )


def _verdict(report: Report) -> str:
    wrong = dict.fromkeys(check.name for check in report.frame.checks if check.unhealthy)
    if report.healthy:
        return '<strong class="ok">Healthy</strong> at'
    return f'<strong class="bad">Not healthy</strong> ({_text(", ".join(wrong))}) at'


def _frame(frame: Frame) -> str:
    """Return the frame as `watch` draws it, without the remark on how to end."""
    out = Console(
        record=True,
        width=_FRAME_WIDTH,
        height=_FRAME_HEIGHT,
        file=StringIO(),
        force_terminal=True,
        color_system="truecolor",
        highlight=False,
        markup=False,
        emoji=False,
    )
    out.print(replace(frame, note=""))
    return out.export_html(code_format="<pre>{code}</pre>", inline_styles=True)


def _check(check: Check) -> Sequence[str]:
    state = f'<span class="state {check.state.replace(" ", "-")}">{check.state}</span>'
    remedy = f"<br>→ {_with_code(check.next)}" if check.next else ""
    return _text(check.name), state, _with_code(check.text) + remedy


def _quarantine(quarantine: Quarantine | str, now: datetime) -> Iterator[str]:
    if isinstance(quarantine, str):
        yield f"<p>{_text(quarantine)}</p>"
        return
    if not quarantine.reasons:
        yield "<p>Empty.</p>"
        return
    yield from _table(
        ("Reason", "#Objects", "#Size", "#Oldest", "#Newest"),
        (
            (
                _text(reason),
                f"{totals.objects:,}",
                size(totals.size),
                f"{span(now - totals.oldest)} ago",
                f"{span(now - totals.newest)} ago",
            )
            for reason, totals in quarantine.reasons.items()
        ),
    )
    yield from _table(
        ("Newest objects", "Key"),
        ((_text(headline(each)), f"<code>{_text(each['key'])}</code>") for each in quarantine.newest),
    )


def _cost(cost: Cost | str, plural: str) -> Iterator[str]:
    if isinstance(cost, str):
        yield f"<p>{_text(cost)}</p>"
        return
    load = cost["load"]
    yield (
        f"<p>About <strong>${cost['total']:,.2f}</strong> a month at {load.rate:,.9g} {_text(plural)} a second of "
        f"{load.size:,} bytes, the mean of the frame above, in {_text(cost['region'])}; the original design "
        f"${cost['original']['total']:,.2f}. {_text(cost['note'])}</p>"
    )
    yield from _table(
        ("Item", "#Dollars a month", "Depends on"),
        ((_text(line["name"]), f"{line['dollars']:,.2f}", _text(line["settings"])) for line in cost["lines"]),
    )
    for remark in cost["remarks"]:
        yield f"<p>{_text(remark)}</p>"


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield a table of cells that are HTML; a heading with `#` is that of numbers."""
    kinds = [' class="number"' if heading.startswith("#") else "" for heading in headings]
    yield "<table>"
    for tag, row in (("th", [heading.lstrip("#") for heading in headings]), *(("td", row) for row in rows)):
        cells = (f"<{tag}{kind}>{cell}</{tag}>" for kind, cell in zip(kinds, row, strict=True))
        yield f"<tr>{''.join(cells)}</tr>"
    yield "</table>"


def _text(text: str) -> str:
    """Escape a text, invisible characters and marks of direction included."""
    return escape(printable(text))


def _with_code(text: str) -> str:
    """Escape a text; what it has between backticks is code."""
    return _CODE.sub(r"<code>\1</code>", _text(text))
