"""The reading loop: how many rejections are shown, and when they make a run fail."""

from collections.abc import Iterator
from typing import Any

import pytest

from producer.errors import FormError, SourceError
from producer.formats.tweets import DeletionNotice, Record, Tombstone
from producer.reader import Reader
from producer.sources.source import Event, Rejected

GOOD = Record("mia", "1", "2026-11-23T14:41:28.000Z", "moth", None, "file")
BAD = Rejected("line 1", "not JSON")
GONE = Tombstone("mia", "1")
NOTICE = DeletionNotice()


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


def test_equal_rejections_are_shown_three_times_and_then_counted() -> None:
    _, messages = run([BAD] * 401)

    assert messages == ["Rejected line 1: not JSON"] * 3 + ["Rejected 398 more: not JSON"]
    assert run([BAD] * 3)[1] == ["Rejected line 1: not JSON"] * 3


def test_the_first_twenty_rejections_of_different_reasons_are_shown() -> None:
    _, messages = run([Rejected("line 1", f"reason {number}") for number in range(30)] + [BAD])

    assert messages == [
        *(f"Rejected line 1: reason {number}" for number in range(20)),
        "Rejected 11 more for other reasons.",
    ]


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


def read(
    items: list[Event | Rejected], *, limit: int | None = None, with_deletions: bool = True
) -> tuple[Reader, list[str], int]:
    """Read items; return the partition keys that were forwarded, and how often else the source's position moved."""
    forwarded: list[str] = []
    moved: list[object] = []
    reader = Reader(
        Fixed(items),
        lambda record, _: forwarded.append("deletion" if record.deletes else "tweet"),
        limit,
        lambda _: None,
        moved.append,
        max_rejected=0,
        with_deletions=with_deletions,
    )
    reader.run()
    return reader, forwarded, len(moved)


def test_deletions_are_forwarded_in_order_and_do_not_count_for_the_limit() -> None:
    reader, forwarded, _ = read([GONE, GONE, GOOD, GONE, GOOD, GOOD], limit=2)

    assert forwarded == ["deletion", "deletion", "tweet", "deletion", "tweet"]
    assert (reader.deletions, reader.left_out, reader.failure) == (3, 0, None)


@pytest.mark.parametrize(
    ("items", "with_deletions", "left_out"), [([GONE, GOOD, NOTICE], False, 2), ([NOTICE, GOOD], True, 1)]
)
def test_deletions_that_are_left_out_are_counted_passed_and_not_rejected(
    items: list[Event | Rejected], with_deletions: bool, left_out: int
) -> None:
    reader, forwarded, moved = read(items, with_deletions=with_deletions)

    assert forwarded == ["tweet"]
    assert (reader.deletions, reader.left_out, moved) == (0, left_out, left_out)
    assert (reader.rejected, reader.failure) == (0, None)
