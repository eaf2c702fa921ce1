"""The attributes of an event type, the types of their values, and how a value is read from a message."""

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Final, NamedTuple, NoReturn

from event.item import attribute_value, exact_number
from event.payload import kind, show
from event.poison import PoisonError, Reason
from event.record import normalize_time

MAX_SECONDS: Final = 253_402_300_799
"""The last second that a time can have: the end of the year 9999, in seconds since the epoch."""


class Field(NamedTuple):
    """What is to be read: an attribute's name, the member that holds it, and what an invalid value means."""

    name: str
    member: str
    required: bool
    reason: Reason

    def reject(self, fault: str) -> NoReturn:
        """Raise a PoisonError that names the attribute and its member."""
        raise PoisonError(self.reason, f"{self.name}: `{self.member}` {fault}")


def read_string(field: Field, value: Any) -> str | None:
    """Return a string; None if the member is missing and may be.

    Raises:
        PoisonError: it is something else, as for every function here.
    """
    if value is None:
        _check_missing(field)
        return None
    if type(value) is not str:
        field.reject(f"is {kind(value)}, not a string")
    return value


def read_key_string(field: Field, value: Any) -> str | None:
    """Return a string that is not empty, since DynamoDB takes no empty keys."""
    if value == "":
        field.reject("is empty")
    return read_string(field, value)


def read_number(field: Field, value: Any) -> int | Decimal | None:
    """Return a number that DynamoDB stores with all of its digits."""
    if value is None:
        _check_missing(field)
        return None
    if type(value) not in (int, Decimal, float):
        field.reject(f"is {kind(value)}, not a number")
    if type(value) is float:  # from a text that neither `int` nor `Decimal` can hold
        field.reject("is a number that DynamoDB cannot store")
    try:
        return exact_number(value)
    except ValueError as error:
        field.reject(f"is {error}")


def read_boolean(field: Field, value: Any) -> bool | None:
    """Return true or false."""
    if value is None:
        _check_missing(field)
        return None
    if type(value) is not bool:
        field.reject(f"is {kind(value)}, not true or false")
    return value


def read_time(field: Field, value: Any) -> str | None:
    """Return an ISO 8601 time in UTC, with milliseconds and `Z`."""
    if value is None:
        _check_missing(field)
        return None
    if (time := normalize_time(value)) is None:
        field.reject(f"is not a time in ISO 8601: {show(value)}")
    return time


def read_seconds(field: Field, value: Any) -> int | Decimal | None:
    """Return a number of seconds since the epoch."""
    return _read_moment(field, value, MAX_SECONDS, "seconds")


def read_milliseconds(field: Field, value: Any) -> int | Decimal | None:
    """Return a number of milliseconds since the epoch."""
    return _read_moment(field, value, MAX_SECONDS * 1000, "milliseconds")


def read_any(field: Field, value: Any) -> Any:
    """Return any value; null only where the member may be missing."""
    if value is None:
        _check_missing(field)
        return None
    try:
        attribute_value(value)
    except ValueError as error:
        field.reject(f"is or contains {error}")
    return value


class Type(Enum):
    """What a member holds: the DynamoDB type that stores it, and the function that reads it."""

    STRING = "S", read_string
    NUMBER = "N", read_number
    """With all of its digits: DynamoDB stores 38."""
    TIME = "S", read_time
    """ISO 8601; stored in UTC with milliseconds and `Z`, so that the text sorts as the time does."""
    SECONDS = "N", read_seconds
    """Since the epoch."""
    MILLISECONDS = "N", read_milliseconds
    """Since the epoch."""
    BOOLEAN = "BOOL", read_boolean
    ANY = "", read_any
    """Any JSON value: a list is stored as an L, an object as an M."""

    def __init__(self, stored_as: str, read: Callable[[Field, Any], Any]) -> None:
        self.stored_as = stored_as
        self.read = read

    def seconds(self, value: Any) -> float:
        """Return a stored time in seconds since the epoch."""
        if self is Type.TIME:
            return datetime.fromisoformat(value).timestamp()
        return float(value) / 1000 if self is Type.MILLISECONDS else float(value)


TIMES: Final = frozenset([Type.TIME, Type.SECONDS, Type.MILLISECONDS])
"""The types of a time."""


class Attribute(NamedTuple):
    """An attribute of the table's items.

    Args:
        name: of the attribute.
        type: of the member that it stores.
        member: the message's member, or the path to it: `loc.lat` is the member `lat` of the object `loc`. Without it,
            the member has the attribute's name.
        required: whether a message is invalid that lacks the member, or has null in it.
    """

    name: str
    type: Type = Type.STRING
    member: str = ""
    required: bool = True

    @property
    def path(self) -> Sequence[str]:
        """The names of the members that lead to the value."""
        return (self.member or self.name).split(".")


def _check_missing(field: Field) -> None:
    if field.required:
        field.reject("is missing")


def _read_moment(field: Field, value: Any, latest: int, unit: str) -> int | Decimal | None:
    number = read_number(field, value)
    if number is not None and not 0 <= number <= latest:
        field.reject(f"is not a number of {unit} since 1970: {show(value)}")
    return number
