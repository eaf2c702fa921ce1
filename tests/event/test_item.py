"""Attributes in DynamoDB's JSON, numbers with all of their digits, and sizes as DynamoDB counts them."""

import json
from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from event.item import MAX_DEPTH, attribute_value, canonical_number, exact_number, item_size

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**37), 10**37) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(JSON)
def test_any_value_is_written_as_boto3_writes_it(value: Any) -> None:
    assert json.loads(attribute_value(value)) == TypeSerializer().serialize(value)


@pytest.mark.parametrize(
    "text",
    ["19.90", "12345678901234567.89", "-0.1", "1E-130", "9.9999999999999999999999999999999999999E+125"],
)
def test_a_number_keeps_its_digits(text: str) -> None:
    stored = json.loads(attribute_value(Decimal(text)))
    assert stored == {"N": text}
    assert TypeDeserializer().deserialize(stored) == Decimal(text)


@pytest.mark.parametrize(
    "number", [Decimal("1E+126"), Decimal("1E-131"), Decimal("1." + "1" * 38), 10**38 + 1, -(10**126)]
)
def test_a_number_that_dynamodb_would_round_or_reject_is_named(number: int | Decimal) -> None:
    with pytest.raises(ValueError, match="38 significant digits"):
        exact_number(number)


def test_zeros_at_the_end_are_no_significant_digits() -> None:
    assert exact_number(10**40) == 10**40
    assert exact_number(Decimal("1." + "0" * 50)) == 1


@pytest.mark.parametrize(
    ("numbers", "canonical"),
    [
        (["1", "1.0", "1.000", "10E-1", "0.1E+1"], "1"),
        (["0", "-0", "0.0", "-0.00", "0E+20"], "0"),
        (["100", "1E+2", "1E2"], "100"),
        (["-12.50", "-12.5", "-125E-1"], "-12.5"),
        (["1E-7", "0.0000001"], "0.0000001"),
    ],
)
def test_equal_numbers_have_one_text(numbers: list[str], canonical: str) -> None:
    assert {canonical_number(Decimal(number)) for number in numbers} == {canonical}
    assert {canonical_number(number) for number in numbers} == {canonical}


def test_lists_and_maps_have_as_many_levels_as_dynamodb_takes() -> None:
    nested: Any = "x"
    for _ in range(MAX_DEPTH):
        nested = [nested]
    assert json.loads(attribute_value(nested))
    with pytest.raises(ValueError, match="nested more than 32 levels deep"):
        attribute_value({"a": nested})


def test_the_size_counts_names_bytes_and_the_overhead_of_lists_and_maps() -> None:
    assert item_size({"Id": "7", "Text": "\N{UMBRELLA}"}) == 2 + 1 + 4 + 3
    assert item_size({"L": [True, None], "M": {"key": "value"}}) == (1 + 3 + 2 * 2) + (1 + 3 + 1 + 3 + 5)
    assert item_size({"N": 10**30}) == 2  # at the least
