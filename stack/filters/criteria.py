"""The filters of a Kinesis mapping, and the records that it delivers with them."""

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from stack.errors import FilterError, MisreadFilterError
from stack.filters.document import Number, Object, Value, parse
from stack.filters.pattern import Pattern, parse_pattern

_DATA: Final = "data"
_MEMBERS: Final = (
    *(_DATA, "partitionKey", "sequenceNumber"),
    *("approximateArrivalTimestamp", "kinesisSchemaVersion"),
)
"""What a filter sees of a record: the members of `kinesis` in the function's event."""


@dataclass(frozen=True)
class FilterCriteria:
    """The filters of a mapping: it delivers the records that match one of them, or all if there are none."""

    patterns: Sequence[Pattern] = ()

    def delivers(self, record: Mapping[str, Any]) -> bool:
        """Tell whether a record is delivered.

        A record that is not JSON matches only a filter that does not name `data` ("Using event filtering with a Kinesis
        event source", AWS Lambda Developer Guide).

        Args:
            record: what the function's event has of it under `kinesis`, its data in base64.
        """
        if not self.patterns:
            return True
        members: list[tuple[str, Value]] = [
            (name, value if isinstance(value, str) else Number(json.dumps(value)))
            for name, value in record.items()
            if name != _DATA
        ]
        patterns = self.patterns
        try:
            members.append((_DATA, parse(base64.b64decode(record[_DATA]).decode())))
        except ValueError:
            patterns = [pattern for pattern in patterns if not names_data(pattern)]
        return any(pattern.matches(Object(members)) for pattern in patterns)


NO_FILTERS: Final = FilterCriteria()


def parse_criteria(texts: Iterable[str]) -> FilterCriteria:
    """Parse the patterns of a mapping's filters.

    Raises:
        FilterError: see `parse_filter`.
    """
    return FilterCriteria([parse_filter(text) for text in texts])


def parse_filter(text: str) -> Pattern:
    """Parse the pattern of a filter.

    Raises:
        FilterError: AWS would reject it.
        MisreadFilterError: AWS would accept it, and would not do as it says.
    """
    pattern = parse_pattern(text)
    for path in pattern.paths:
        if path == _DATA:
            raise FilterError('data: its members have conditions, as in {"data": {"lang": ["en"]}}')
        member = path.partition(".")[0]
        if member not in _MEMBERS:
            raise MisreadFilterError(
                f"{path}: a record has no {member} beside {', '.join(_MEMBERS)}: "
                f'for a member of its data, write {{"data": {{"{member}": ...}}}}'
            )
    return pattern


def names_data(pattern: Pattern) -> bool:
    """Tell whether a filter has a condition on a record's data, which must then be JSON."""
    return any(path.startswith(f"{_DATA}.") for path in pattern.paths)
