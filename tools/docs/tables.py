"""Markdown tables of the settings and of the alarms."""

from collections.abc import Iterable, Sequence

from stack.alarm_definitions import alarms
from stack.aws.tags import MAX_KEY_LENGTH, MAX_VALUE_LENGTH
from stack.project import declared_settings
from stack.settings import RULES

_SETTINGS_NOTES = f"""\
## Values

Values in a stack's file mean what they mean for the Pulumi engine, also where there is none (`make demo`, `ops cost`):
a boolean is `true` or `false`, not `yes`; `010` is eight; a date is an error until it is quoted. Encrypted values
(`pulumi config set --secret`) are for the engine; `ops cost` takes the default of those that cost nothing.

## Tags

Tags follow IAM's rule, the narrowest of all services: keys of 1 to {MAX_KEY_LENGTH} characters and values of up to
{MAX_VALUE_LENGTH}, which are letters, digits, spaces and `_.:/=+-@`; nothing begins with `aws:`; no two keys differ by
case only, `Project` and `Stack` included. A value is text, and for a number this takes `--type string`:

    pulumi config set --path tags.Team data
    pulumi config set --path tags.CostCentre 4711 --type string

Tags that depend on the resource are a transform's work (`pulumi.runtime.register_resource_transform` in `__main__.py`),
which the demo, local deployments and the tests run too. Resource hooks run under the engine only, and are rejected.

## Names

The names of the resources begin with the stack's name, and IAM's have no region: an account has one stack of a name,
whatever its region or its Pulumi project. Call a second one `dev-eu`. After `pulumi stack rename` of a deployed stack,
`pulumi up` would replace what has the name, the stream with its records too: create a stack of the new name instead.
"""
_GENERATED = "<!-- Written by `make docs`: change {source} instead. -->\n"


def render_settings() -> str:
    """Render every setting of `Pulumi.yaml`, in its order, with what `stack/settings.py` allows."""
    rows = (
        (
            f"`{key}`",
            f"`{_default(entry['default'])}`",
            _cell(RULES[key].allowed),
            _cell(entry["description"]),
        )
        for key, entry in declared_settings().items()
    )
    return "\n".join(
        (
            _GENERATED.format(source="Pulumi.yaml or stack/settings.py"),
            "# Settings\n",
            "`pulumi config set KEY VALUE`, then `pulumi up`. An invalid value fails the preview; the error says "
            "what is\nallowed. The region is `aws:region`.\n",
            *_table(("setting", "default", "allowed", "description"), rows),
            "",
            _SETTINGS_NOTES,
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
