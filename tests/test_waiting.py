"""Tests wait for what they test as long as it takes, and fail when it does not happen."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import waiting
from tests.waiting import eventually


def test_waiting_returns_what_came_true() -> None:
    looks = iter([0, "", "there"])
    assert eventually(lambda: next(looks)) == "there"


def test_waiting_for_what_never_happens_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "SECONDS", 0)
    with pytest.raises(AssertionError, match=r"still \[\] after"):
        eventually(list)


@settings(max_examples=1)
@given(st.none())
def test_an_example_may_take_longer_than_hypothesis_expects(example: None) -> None:
    time.sleep(0.3)
