"""Amounts as they are printed."""

import pytest

from stack import prices


@pytest.mark.parametrize(
    ("dollars", "shown"),
    [(0, "$0.00"), (0.015, "$0.015"), (0.1 + 0.2, "$0.30"), (4.515, "$4.515"), (4_500, "$4,500.00")],
)
def test_an_amount_is_shown_to_a_tenth_of_a_cent_where_that_counts(dollars: float, shown: str) -> None:
    assert prices.show(dollars) == shown
