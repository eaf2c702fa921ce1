"""The reading loop: how many rejections are shown, and when they make a run fail."""

from collections.abc import Iterator
from typing import Any

import pytest

from producer.errors import FormError, SourceError
from producer.formats.tweets import Record
from producer.reader import Reader
from producer.sources.source import Event, Rejected

GOOD = Record("mia", "1", "2026-11-23T14:41:28.000Z", "moth", None, "file")
BAD = Rejected("line 1", "not JSON")


class Fixed:
    """A source of fixed items, which may end with an error."""

    position = input = spent = None

    def __init__(self, items: list[Event | Rejected], error: Exception | None = None) -> None:
        self._items = items
        self._error = error

    def read(self) -> Iterator[Event | Rejected]:
        yield from self._items
        if self._error:
            raise self._error

    def close(self) -> None:
        pass


def run(
    items: list[Any], error: Exception | None = None, max_rejected: int | None = 0
) -> tuple[Reader, list[str]]:
    messages: list[str] = []
    reader = Reader(Fixed(items, error), lambda *_: None, None, messages.append, max_rejected=max_rejected)
    reader.run()
    return reader, messages


def test_twenty_rejections_are_shown_and_then_their_number() -> None:
    _, messages = run([BAD] * 1_234)

    assert messages == ["Rejected line 1: not JSON"] * 20 + ["Rejected 1,234 in all; the first 20 are shown."]
    assert run([BAD] * 20)[1] == ["Rejected line 1: not JSON"] * 20


@pytest.mark.parametrize(
    ("items", "max_rejected", "failure"),
    [
        ([GOOD], 0, None),
        ([], 0, None),
        ([GOOD, BAD], 0, "1 of 2 items were rejected; --max-rejected 1 accepts that."),
        ([GOOD, BAD, BAD], 1, "2 of 3 items were rejected; --max-rejected 2 accepts that."),
        ([GOOD, BAD, BAD], 2, None),
        ([BAD, BAD], 0, "Every item was rejected (2)."),
        ([GOOD, BAD], None, None),
        ([BAD], None, "Every item was rejected (1)."),
    ],
)
def test_rejected_events_make_a_run_over_a_file_fail(
    items: list[Any], max_rejected: int | None, failure: str | None
) -> None:
    reader, _ = run(items, max_rejected=max_rejected)

    assert (reader.failure, reader.is_cut_short, reader.exit_code) == (failure, False, 1)


@pytest.mark.parametrize(("error", "code"), [(SourceError("gone"), 1), (FormError("a zip file"), 2)])
def test_a_form_that_cannot_be_read_is_wrong_usage(error: Exception, code: int) -> None:
    reader, _ = run([GOOD], error)

    assert (reader.failure, reader.is_cut_short, reader.exit_code) == (str(error), True, code)
