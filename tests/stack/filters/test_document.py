"""JSON is read as event-ruler reads it."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.filters.document import Number, Object, address_digits, comparable_number, find_leaves, parse


def test_numbers_keep_their_text_and_keys_are_repeated() -> None:
    assert parse('{"a": 1.0, "a": 1e0}') == Object([("a", Number("1.0")), ("a", Number("1e0"))])


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "01", "'a'", '"\n"', "", "[" * 100_000])
def test_what_is_not_json_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(text)


@pytest.mark.parametrize(
    "text", ["1830000000000000123", "9007199254740993", "1e400", "1e-400", "0.1000000000000000001"]
)
def test_a_number_that_is_not_its_doubles_text_is_not_compared(text: str) -> None:
    assert comparable_number(text) is None


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_text_of_every_double_is_compared(double: float) -> None:
    assert comparable_number(repr(double)) == double


@given(st.decimals(allow_nan=False, allow_infinity=False, places=5))
def test_a_number_that_is_compared_has_its_doubles_shortest_text(number: object) -> None:
    double = comparable_number(str(number))
    assert double is None or Fraction(repr(double)) == Fraction(str(number))


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("10.0.0.33", "0A000021"),
        ("2001:db8::1", "20010DB8000000000000000000000001"),
        ("::ffff:a00:21", "0A000021"),
        ("::ffff:10.0.0.33", None),
        ("256.0.0.1", None),
        ("12:30", None),
        ("localhost", None),
    ],
)
def test_an_address_has_its_digits(text: str, digits: str | None) -> None:
    assert address_digits(text) == digits


def test_leaves_know_the_array_elements_that_they_lie_in() -> None:
    root = parse('{"a": [{"b": 1}, [{"b": "x"}], 2], "c": null, "unused": [3]}')
    assert isinstance(root, Object)
    leaves = {
        (path, leaf.text): len(leaf.membership)
        for path, leaf in find_leaves(root, {"a", "b", "c"}.__contains__)
    }
    assert leaves == {("a.b", "1"): 1, ("a.b", '"x"'): 2, ("a", "2"): 0, ("c", "null"): 0}
