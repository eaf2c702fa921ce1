"""What holds data."""

from dataclasses import replace
from typing import Any

import pytest

from delivery.workflows import preview
from policy.data import HOLD_DATA
from tests.policy.recorded import Resources, added, changed, violations


@pytest.mark.parametrize("name", ["stream-stream", "table-table", "quarantine-bucket"])
def test_what_holds_data_is_protected(prod: Resources, name: str) -> None:
    assert violations("protected-data", prod) == []
    unprotected = [replace(each, protected=each.protected and each.name != name) for each in prod]
    assert violations("protected-data", unprotected) == [
        f"{name} holds data and is not protected. Fix: set the resource option protect=settings.protect, and pulumi "
        "config set protect true; or, if nobody needs the data of the stack prod, add an exemption to "
        "policy/exemptions.py."
    ]


@pytest.mark.parametrize("type_", sorted(HOLD_DATA))
def test_what_somebody_adds_and_holds_data_is_protected_too(prod: Resources, type_: str) -> None:
    assert len(violations("protected-data", added(prod, type_))) == 1


def test_whatever_a_workflows_preview_takes_for_data_is_protected() -> None:
    assert preview.HOLD_DATA <= HOLD_DATA


def test_the_state_and_the_keys_of_the_account_are_protected(account: Resources) -> None:
    assert violations("protected-data", account) == []
    unprotected = [replace(each, protected=False) for each in account]
    assert len(violations("protected-data", unprotected)) == 3


@pytest.mark.parametrize("days", [None, 0.0])
def test_a_log_that_never_expires_is_found(prod: Resources, days: float | None) -> None:
    assert violations("log-retention", prod) == []
    assert violations("log-retention", changed(prod, "processor-log-group", retentionInDays=days)) == [
        "processor-log-group keeps its lines forever. Fix: set retention_in_days."
    ]


@pytest.mark.parametrize("config", [None, {"logFormat": "JSON"}])
def test_a_function_whose_log_group_lambda_would_create_is_found(prod: Resources, config: Any) -> None:
    assert violations("log-retention", changed(prod, "processor-function", loggingConfig=config)) == [
        "processor-function has no log group, so Lambda creates one that keeps its lines forever. Fix: create a "
        "LogGroup with retention_in_days, and name it in logging_config."
    ]


@pytest.mark.parametrize(
    ("age", "hours", "message"),
    [
        (3599.0, 1.0, None),
        (3600.0, 1.0, "retries a record for 3600 s, but stream-stream keeps it for 1 hours"),
        (604800.0, 168.0, "retries a record for 604800 s, but stream-stream keeps it for 168 hours"),
        (86399.0, None, None),  # a stream keeps a record for a day unless told otherwise
        (86400.0, None, "retries a record for 86400 s, but stream-stream keeps it for 24 hours"),
        (-1.0, 168.0, "retries a record without an end, but stream-stream keeps it for 168 hours"),
        (None, 168.0, "retries a record without an end, but stream-stream keeps it for 168 hours"),
    ],
)
def test_a_record_is_quarantined_before_the_stream_drops_it(
    prod: Resources, age: float | None, hours: float | None, message: str | None
) -> None:
    assert violations("retention-above-record-age", prod) == []
    stack = changed(prod, "stream-stream", retentionPeriod=hours)
    stack = changed(stack, "processor-mapping", maximumRecordAgeInSeconds=age)
    assert violations("retention-above-record-age", stack) == (
        [
            f"processor-mapping {message} and drops it then, silently. Fix: set maximum_record_age_in_seconds below "
            "that."
        ]
        if message
        else []
    )


def test_a_mapping_of_a_stream_elsewhere_is_not_judged(prod: Resources) -> None:
    elsewhere = added(prod, "aws:lambda/eventSourceMapping:EventSourceMapping")
    assert violations("retention-above-record-age", elsewhere) == []
