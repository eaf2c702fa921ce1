"""The function's settings, from the environment that the stack gives it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from event.types import DEFAULT_EVENT_TYPE
from handler.errors import VariableError

SECONDS_PER_DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class Settings:
    """The function's configuration.

    Attributes:
        table_name: the table that the items go to.
        quarantine_bucket: the bucket for records that can never be stored.
        event_type: name of the module of `event/types/` that defines what the stream carries.
        item_lifetime: seconds from a record's arrival to its item's expiry; None keeps items forever.
    """

    table_name: str
    quarantine_bucket: str
    event_type: str
    item_lifetime: int | None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read `TABLE_NAME`, `QUARANTINE_BUCKET` and, when present, `EVENT_TYPE` and `ITEM_LIFETIME_DAYS`.

        Raises:
            VariableError: a required variable is missing or empty, or the lifetime is not a number of days.
        """
        return cls(
            table_name=_required(environment, "TABLE_NAME"),
            quarantine_bucket=_required(environment, "QUARANTINE_BUCKET"),
            event_type=environment.get("EVENT_TYPE") or DEFAULT_EVENT_TYPE,
            item_lifetime=_lifetime(environment),
        )


def _required(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name)
    if not value:
        raise VariableError(
            f"{name} is not set: set it in the function's environment, or deploy the stack again"
        )
    return value


def _lifetime(environment: Mapping[str, str]) -> int | None:
    days = environment.get("ITEM_LIFETIME_DAYS")
    if days is None:
        return None
    if not (days.isascii() and days.isdigit() and int(days) > 0):
        raise VariableError(
            f"ITEM_LIFETIME_DAYS is {days!r}: give a whole number above 0, or remove it to keep items"
        )
    return int(days) * SECONDS_PER_DAY
