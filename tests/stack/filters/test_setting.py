"""The setting `mappingFilters` holds patterns that AWS accepts and that do as they say, or the preview says why not."""

import re

import pytest

from event.types import event_types
from stack.errors import SettingsError
from stack.filters.setting import advise_on_filters
from stack.settings import Settings
from tests.stack.test_settings import parse

ENGLISH = '{"data": {"lang": ["en"]}}'
DELETIONS = '{"data": {"stream_processing_tombstone": [{"exists": true}]}}'


def parse_filters(*patterns: str) -> Settings:
    return parse(mappingFilters=[*patterns])


def test_patterns_reach_the_mapping_as_they_were_written() -> None:
    written = '{"data": {"$or": [{"b": [1.0]}, {"a": [1830000000000000123]}]}}'
    assert parse_filters(ENGLISH, written).mapping.filters == [ENGLISH, written]
    assert parse_filters().mapping.filters == []


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (
            '{"data": {"kind": "post"}}',
            '"{\\"data\\": {\\"kind\\": \\"post\\"}}" is not a valid pattern: '
            'data.kind: a value must be in a list, such as [1] or ["a"].',
        ),
        (
            '{"lang": ["en"]}',
            '"{\\"lang\\": [\\"en\\"]}" would not do as it says: lang: a record has no lang beside data, ',
        ),
    ],
)
def test_a_pattern_is_rejected_with_its_place_the_cause_and_the_command_that_replaces_it(
    pattern: str, message: str
) -> None:
    with pytest.raises(SettingsError) as error:
        parse_filters(ENGLISH, pattern)
    text = str(error.value)
    assert text.startswith(f"mappingFilters[1]: {message}")
    assert text.endswith(
        "  Allowed: AWS's filter patterns (docs/filters.md).\n"
        "  Fix: pulumi config set --path 'mappingFilters[1]' 'PATTERN' --stack dev"
    )


def advice(*patterns: str, event_type: str = "tweet") -> list[str]:
    return [*advise_on_filters(patterns, event_type)]


def test_more_filters_than_every_account_has_are_a_warning() -> None:
    assert advice(DELETIONS, *[ENGLISH] * 4) == []
    [warning] = advice(DELETIONS, *[ENGLISH] * 5)
    assert re.match(r"mappingFilters: AWS allows a mapping 5 filters, and up to 10 on request", warning)


def test_a_warning_names_the_filter_that_it_is_about() -> None:
    [warning] = advice(DELETIONS, ENGLISH, '{"data": {"n": [300]}}')
    assert warning.startswith("mappingFilters[2]: data.n: 300 matches 300.0 too")


@pytest.mark.parametrize("event_type", event_types())
def test_filters_that_drop_deletions_are_a_warning_with_the_filter_to_add(event_type: str) -> None:
    [warning] = advice(ENGLISH, event_type=event_type)
    assert warning.startswith("mappingFilters: no filter matches a tombstone, so that no event is deleted")
    assert warning.endswith(f"add the filter {DELETIONS}.")
    assert advice(ENGLISH, DELETIONS, event_type=event_type) == []
    assert (
        advice('{"data": {"lang": [{"anything-but": "de"}, {"exists": false}]}}', event_type=event_type) == []
    )


def test_filters_by_partition_key_alone_keep_an_event_together_with_its_deletion() -> None:
    [warning] = advice('{"partitionKey": ["ada"]}')
    assert warning.startswith("mappingFilters[0]: partitionKey: ")
