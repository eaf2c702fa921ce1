"""The project's prices, some of which a file of the operator may replace."""

import json
from pathlib import Path
from typing import Any

from ops.errors import OptionsError
from stack.prices import FACTORS, Prices, parse, read

_MAX_VALUE = 1_000_000
"""Limit of a price in dollars and of an assumption, which keeps their sums meaningful."""


def load(override: Path | None = None) -> Prices:
    """Load the project's prices; those in the file `override` replace them.

    Raises:
        OptionsError: the override cannot be read, or has a name or a value that is not allowed.
    """
    values = read()
    if override:
        try:
            given = json.loads(override.read_text(encoding="utf-8-sig"))
        except (OSError, ValueError) as error:
            raise OptionsError(f"{override} cannot be read as JSON: {error}.") from error
        values = _replaced(values, given, str(override))
        for name, price in values["prices"].items():
            for member, allowed in (("per", FACTORS), ("source", values["sources"])):
                if price[member] not in allowed:
                    one_of = f"one of {', '.join(map(str, allowed))}"
                    raise _not_allowed(f"{override}: prices: {name}: {member}", price[member], one_of)
    return parse(values)


def _replaced(known: Any, given: Any, where: str) -> Any:
    """Return `known` with the values of `given`, which has no other names and the same types."""
    if isinstance(known, dict):
        if not isinstance(given, dict):
            raise _not_allowed(where, given, f"an object with some of {', '.join(known)}")
        for name in given:
            if name not in known:
                raise OptionsError(f"{where}: {name} is not one of {', '.join(known)}.")
        changed = {name: _replaced(known[name], value, f"{where}: {name}") for name, value in given.items()}
        return known | changed
    if isinstance(known, str):
        if not isinstance(given, str):
            raise _not_allowed(where, given, "text")
    # Python's JSON has NaN, Infinity and integers that no float can hold; true is an integer to Python.
    elif isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given <= _MAX_VALUE:
        raise _not_allowed(where, given, f"a number from 0 to {_MAX_VALUE:,}")
    return given


def _not_allowed(where: str, given: Any, allowed: str) -> OptionsError:
    return OptionsError(f"{where} is {json.dumps(given)}, but must be {allowed}.")
