"""The setting `mappingFilters`: the patterns of the mapping's filters, each as text.

The text goes to AWS as it is: as a map of a stack file, a pattern would lose the order of its keys, which has a meaning
(`$or`), and the spelling of its numbers.
"""

import base64
import json
from collections.abc import Iterator, Sequence
from typing import Final

from event.schema import TOMBSTONE, Schema
from event.types import load
from stack.errors import FilterError, MisreadFilterError, SettingsError
from stack.filters.advice import advise
from stack.filters.criteria import FilterCriteria, names_data, parse_filter
from stack.filters.pattern import Pattern

MAX_FILTERS: Final = 10
"""Filters of a mapping, after a request for a higher quota ("Lambda quotas")."""
DEFAULT_MAX_FILTERS: Final = 5
"""Filters of a mapping in an account without such a request."""

_KEY: Final = "mappingFilters"


def are_filters(text: str) -> bool:
    """Tell whether a configuration's text is a list of no more texts than AWS allows; `check_filters` reads each."""
    try:
        filters = json.loads(text)
    except ValueError:
        return False
    return (
        isinstance(filters, list)
        and len(filters) <= MAX_FILTERS
        and all(isinstance(pattern, str) for pattern in filters)
    )


def check_filters(patterns: Sequence[str], stack: str) -> Iterator[SettingsError]:
    """Yield an error for each pattern that AWS would reject, or that would not do as it says."""
    for index, text in enumerate(patterns):
        try:
            parse_filter(text)
        except FilterError as error:
            yield SettingsError(
                f"{_KEY}[{index}]",
                text,
                "AWS's filter patterns (docs/filters.md)",
                f"pulumi config set --path '{_KEY}[{index}]' 'PATTERN'",
                stack,
                problem=f"{_problem(error)}: {error}",
            )


def _problem(error: FilterError) -> str:
    return "would not do as it says" if isinstance(error, MisreadFilterError) else "is not a valid pattern"


def advise_on_filters(patterns: Sequence[str], event_type: str) -> Iterator[str]:
    """Yield what valid filters do that their author may not expect, as warnings of the preview."""
    if len(patterns) > DEFAULT_MAX_FILTERS:
        yield (
            f"{_KEY}: AWS allows a mapping {DEFAULT_MAX_FILTERS} filters, and up to {MAX_FILTERS} on request: "
            'a higher quota of "Event source mapping filters" (docs/filters.md).'
        )
    filters = [parse_filter(text) for text in patterns]
    if _drop_tombstones(filters, load(event_type)):
        yield (
            f"{_KEY}: no filter matches a tombstone, so that no event is deleted any more: add the filter "
            f'{{"data": {{"{TOMBSTONE}": [{{"exists": true}}]}}}}.'
        )
    for index, pattern in enumerate(filters):
        for sentence in advise(pattern):
            yield f"{_KEY}[{index}]: {sentence}"


def _drop_tombstones(filters: Sequence[Pattern], event: Schema) -> bool:
    """Tell whether each filter has conditions on data, which a tombstone does not meet."""
    key = "1"
    tombstone = event.encode_tombstone((key,) * len(event.keys))
    record = {"partitionKey": key, "data": base64.b64encode(tombstone).decode()}
    return bool(filters) and all(map(names_data, filters)) and not FilterCriteria(filters).delivers(record)
