"""The picture of the CloudWatch dashboard: its own JSON, drawn with the recorded values."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from tools.docs.record import PERIOD, load_traffic

_UNIT = 50
"""Pixels of one of the dashboard's 24 columns."""
_ROW = 34
"""Pixels of one of a widget's rows."""
_COLORS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b")
_TOP, _LEFT, _LEGEND = 46, 52, 21
_FONT = "font-family=\"-apple-system, 'Segoe UI', Helvetica, Arial, sans-serif\""


def render() -> str:
    """Draw every widget where the dashboard places it."""
    traffic = load_traffic()
    widgets = traffic.dashboard["widgets"]
    width = max(each["x"] + each["width"] for each in widgets) * _UNIT
    height = _widget_height(widgets) + 28
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" {_FONT}>',
        "<title>The CloudWatch dashboard of the stack</title>",
        f'<rect width="{width}" height="{height}" fill="#f2f3f3"/>',
    ]
    for widget in widgets:
        lines += _draw_widget(widget, traffic.values, _widget_height(widgets) - 8)
    note = (
        f"Drawn from the dashboard's JSON; values recorded on local AWS every {PERIOD} seconds "
        "(CloudWatch: by the minute)."
    )
    lines += [_text(10, height - 9, note, size=15, color="#687078"), "</svg>", ""]
    return "\n".join(lines)


def _widget_height(widgets: Sequence[dict[str, Any]]) -> int:
    """Return the height of the only row of widgets, which the longest legend extends."""
    legend = max(len(widget["properties"]["metrics"]) for widget in widgets)
    return int(max(widget["height"] for widget in widgets) * _ROW + _LEGEND * legend)


def _draw_widget(widget: dict[str, Any], values: dict[str, list[list[float]]], height: int) -> Iterator[str]:
    left, top = widget["x"] * _UNIT + 4, widget["y"] * _ROW + 4
    width = widget["width"] * _UNIT - 8
    metrics = widget["properties"]["metrics"]
    yield f'<rect x="{left}" y="{top}" width="{width}" height="{height}" fill="#ffffff" stroke="#d5dbdb"/>'
    yield _text(left + 12, top + 25, widget["properties"]["title"], size=18, color="#16191f", weight="bold")
    lines = [values[f"{namespace} {name}"] for namespace, name, *_ in metrics]
    highest = _round_up(max((value for line in lines for _, value in line), default=0))
    seconds = max((at for line in lines for at, _ in line), default=PERIOD) or PERIOD
    plot_left, plot_width = left + _LEFT, width - _LEFT - 14
    plot_top = top + _TOP
    plot_height = widget["height"] * _ROW - _TOP - 24
    for share in (0.0, 0.5, 1.0):
        y = plot_top + plot_height * (1 - share)
        yield f'<path d="M{plot_left} {y:.1f} h{plot_width}" stroke="#eaeded"/>'
        yield _text(
            plot_left - 6, round(y) + 4, f"{highest * share:,.9g}", size=14, color="#687078", anchor="end"
        )
    for color, line in zip(_COLORS, lines, strict=False):
        points = [
            (plot_left + plot_width * at / seconds, plot_top + plot_height * (1 - value / highest))
            for at, value in line
        ]
        if len(points) > 1:
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            yield f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="1.8"/>'
        yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.4" fill="{color}"/>' for x, y in points)
    yield from _legend(metrics, left + 14, plot_top + plot_height + 24)


def _legend(metrics: Sequence[Any], x: int, y: int) -> Iterator[str]:
    for number, (color, metric) in enumerate(zip(_COLORS, metrics, strict=False)):
        line = y + _LEGEND * number
        yield f'<rect x="{x}" y="{line}" width="12" height="4" fill="{color}"/>'
        yield _text(x + 18, line + 6, metric[-1]["label"], size=13, color="#545b64")


def _round_up(value: float) -> float:
    """Return the next number of the kind 1, 2 or 5 times a power of ten, at least 1."""
    step = 1
    while True:
        for factor in (1, 2, 5):
            if factor * step >= value:
                return factor * step
        step *= 10


def _text(
    x: int, y: int, text: str, *, size: int, color: str, anchor: str = "start", weight: str = "normal"
) -> str:
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" fill="{color}" text-anchor="{anchor}" '
        f'font-weight="{weight}">{escape(text)}</text>'
    )
