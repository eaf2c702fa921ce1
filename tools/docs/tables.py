"""Markdown tables of the settings and of the alarms."""

from collections.abc import Iterable, Sequence
from typing import Any

from stack.alarm_definitions import alarms
from stack.project import read_project
from stack.settings import RULES

_GENERATED = "<!-- Written by `make docs`: change {source} instead. -->\n"


def render_settings() -> str:
    """Render every setting of `Pulumi.yaml`, in its order, with what `stack/settings.py` allows."""
    schema: dict[str, dict[str, Any]] = read_project()["config"]
    rows = (
        (
            f"`{key}`",
            f"`{_default(entry['default'])}`",
            _cell(RULES[key].allowed),
            _cell(entry["description"]),
        )
        for key, entry in schema.items()
    )
    return "\n".join(
        (
            _GENERATED.format(source="Pulumi.yaml or stack/settings.py"),
            "# Settings\n",
            "`pulumi config set KEY VALUE`, then `pulumi up`. An invalid value fails the preview; the error says "
            "what is\nallowed. The region is `aws:region`.\n",
            *_table(("setting", "default", "allowed", "description"), rows),
            "",
        )
    )


def render_alarms() -> str:
    """Render every alarm of `stack/alarm_definitions.py`, in its order."""
    rows = (
        (f"`{alarm.name}`", _cell(alarm.description), _cell(alarm.remedy))
        for alarm in alarms(function_timeout=60, provisioned_table=False)
    )
    return "\n".join(
        (
            _GENERATED.format(source="stack/alarm_definitions.py"),
            "# Alarms\n",
            "Each is `<stack>-NAME` in CloudWatch and notifies the topic `alarm_topic_arn`. All are evaluated each "
            "minute, on the\nlast five minutes. `TableThrottles` is left out for a table with provisioned capacity.\n",
            *_table(("alarm", "meaning", "what to do"), rows),
            "",
        )
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterable[str]:
    yield f"| {' | '.join(head)} |"
    yield "|---" * len(head) + "|"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _default(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return '""' if value == "" else str(value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;") if "`<" not in text else text.replace("|", "\\|")
