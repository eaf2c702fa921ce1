"""Patterns match the documents that AWS's matcher matches, and invalid ones are rejected."""

import json
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.errors import FilterError, MisreadFilterError
from stack.filters.document import Object, parse
from stack.filters.pattern import parse_pattern
from tools.filters.cases import CASES, Case

REJECTED = [case for case in CASES if case.answer == "rejected"]


def by_rule(cases: Iterable[Case]) -> Iterable[object]:
    return [pytest.param(case, id=case.rule) for case in cases]


def matches(pattern: str, document: bytes | str) -> bool:
    root = parse(document if isinstance(document, str) else document.decode())
    assert isinstance(root, Object)
    return parse_pattern(pattern).matches(root)


@pytest.mark.parametrize("case", by_rule(case for case in CASES if case.answer != "rejected"))
def test_a_document_matches_as_on_aws(case: Case) -> None:
    assert matches(case.pattern, case.data) == (case.answer == "true")


@pytest.mark.parametrize("case", by_rule(REJECTED))
def test_a_pattern_that_aws_rejects_is_rejected(case: Case) -> None:
    with pytest.raises(FilterError):
        parse_pattern(case.pattern)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("{", "the pattern is not JSON"),
        ("[" * 100_000, "the pattern has 100,000 characters, and AWS allows 4,096"),
        ('{"a":' * 800, "the pattern is "),
        ("[]", 'a pattern is a JSON object such as {"data": {"lang": ["en"]}}'),
        ("{}", "the pattern: an empty object names nothing"),
        ('{"data": {"kind": "post"}}', 'data.kind: a value must be in a list, such as [1] or ["a"]'),
        ('{"data": {"n": [{"numeric": [">", "a"]}]}}', "data.n: numeric takes operators and numbers in turn"),
        (
            '{"data": {"id": [{"numeric": [">", 1830000000000000123]}]}}',
            "data.id: 1830000000000000123 has more digits than numbers are compared by, about 15",
        ),
        (json.dumps({f"k{number}": [1] for number in range(257)}), "the pattern names more than 256 members"),
    ],
)
def test_a_rejection_says_where_and_why(pattern: str, message: str) -> None:
    with pytest.raises(FilterError) as rejection:
        parse_pattern(pattern)
    assert str(rejection.value).startswith(message)


@pytest.mark.parametrize("other", ["equals-ignore-case", "suffix"])
def test_a_wildcard_beside_what_event_ruler_mixes_it_up_with_is_rejected(other: str) -> None:
    with pytest.raises(MisreadFilterError, match=r"data\.a: AWS's matcher mixes up a wildcard"):
        parse_pattern(f'{{"data": {{"a": [{{"wildcard": "*b*"}}, {{"{other}": "c"}}]}}}}')
    with pytest.raises(MisreadFilterError, match=r"data\.a: AWS's matcher mixes up a wildcard"):
        parse_pattern(f'{{"data": {{"a": [{{"anything-but": {{"wildcard": "*b*"}}}}, {{"{other}": "c"}}]}}}}')


def test_a_wildcard_beside_other_conditions_is_allowed() -> None:
    assert matches('{"a": [{"wildcard": "*b*"}, {"prefix": "c"}, "d"]}', b'{"a": "d"}')


def test_a_branch_that_event_ruler_ignores_is_rejected() -> None:
    with pytest.raises(
        FilterError, match=r"AWS's matcher ignores a branch that shares a value of data\.a, data\.b"
    ):
        parse_pattern('{"data": {"$or": [{"a": ["x", "y"]}, {"a": ["x", "z"]}], "b": [1]}}')


def test_branches_that_differ_in_one_path_are_allowed() -> None:
    assert matches('{"$or": [{"a": ["x"], "b": [1]}, {"a": ["x"], "b": [2]}]}', b'{"a": "x", "b": 2}')


def test_branches_that_multiply_without_end_are_rejected() -> None:
    ors = ", ".join('"$or": [{"a": [1]}, {"b": [1]}]' for _ in range(60))
    with pytest.raises(FilterError, match="more than 1,000 combinations of branches"):
        parse_pattern(f"{{{ors}}}")


def test_thousands_of_array_elements_are_matched_within_each() -> None:
    data = json.dumps({"refs": [{"kind": "reply", "id": number} for number in range(1000)]}).encode()
    assert matches('{"refs": {"kind": ["reply"], "id": [999]}}', data)
    assert not matches('{"refs": {"kind": ["quote"], "id": [999]}}', data)


SCALARS = st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.text(st.characters(codec="utf-8"))


@given(value=SCALARS)
def test_every_value_matches_itself_and_not_anything_but_itself(value: object) -> None:
    data = json.dumps({"a": value}).encode()
    assert matches(json.dumps({"a": [value]}), data)
    if isinstance(value, str | int) and not isinstance(value, bool):
        assert not matches(json.dumps({"a": [{"anything-but": value}]}), data)


@given(text=st.text(st.characters(codec="utf-8")), cut=st.integers(0, 20))
def test_every_text_has_its_own_beginning_and_end(text: str, cut: int) -> None:
    data = json.dumps({"a": text}).encode()
    for operator, part in {"prefix": text[:cut], "suffix": text[cut:]}.items():
        assert matches(json.dumps({"a": [{operator: part}]}), data)


@given(number=st.integers(-(10**9), 10**9), bounds=st.tuples(st.integers(), st.integers()).map(sorted))
def test_a_range_holds_the_numbers_between_its_bounds(number: int, bounds: list[int]) -> None:
    low, high = bounds[0] % 10**9, bounds[0] % 10**9 + 1 + abs(bounds[1]) % 10**9
    pattern = json.dumps({"a": [{"numeric": [">=", low, "<", high]}]})
    assert matches(pattern, b'{"a": %d}' % number) == (low <= number < high)
