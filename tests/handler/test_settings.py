"""The environment, read and validated."""

import pytest

from handler.errors import VariableError
from handler.settings import Settings

COMPLETE = {"TABLE_NAME": "dev-EventData", "QUARANTINE_BUCKET": "dev-quarantine"}


def test_items_are_kept_for_ever_unless_a_lifetime_is_set() -> None:
    assert Settings.from_environment(COMPLETE) == Settings("dev-EventData", "dev-quarantine", "tweet", None)


def test_the_event_type_is_that_of_the_stack() -> None:
    assert Settings.from_environment(COMPLETE | {"EVENT_TYPE": "order"}).event_type == "order"


def test_the_lifetime_is_given_in_days_and_kept_in_seconds() -> None:
    assert Settings.from_environment(COMPLETE | {"ITEM_LIFETIME_DAYS": "30"}).item_lifetime == 30 * 86_400


@pytest.mark.parametrize("name", COMPLETE)
@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_variable_is_named(name: str, value: str | None) -> None:
    environment = (
        COMPLETE | {name: value} if value is not None else {k: v for k, v in COMPLETE.items() if k != name}
    )
    with pytest.raises(VariableError, match=f"^{name} is not set"):
        Settings.from_environment(environment)


@pytest.mark.parametrize("days", ["", "0", "-1", "1.5", "a week", "\N{SUPERSCRIPT TWO}"])
def test_a_lifetime_that_is_no_number_of_days_is_shown(days: str) -> None:
    with pytest.raises(VariableError, match=f"^ITEM_LIFETIME_DAYS is '{days}'"):
        Settings.from_environment(COMPLETE | {"ITEM_LIFETIME_DAYS": days})
