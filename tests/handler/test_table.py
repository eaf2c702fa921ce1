"""Splitting items into calls of BatchWriteItem."""

from hypothesis import given, settings
from hypothesis import strategies as st

from event.item import Write
from handler.table import MAX_CALL_BYTES, chunks
from tests.handler.events import record

RECORD = record(b"")


def sized(size: int) -> Write:
    """Build a write whose request has that many bytes."""
    return Write(RECORD, ("ada", "1"), bytes(size))


@settings(max_examples=50)
@given(st.lists(st.sampled_from([100, 2_000, 400_000, 2_400_000]).map(sized), max_size=80))
def test_chunks_keep_order_and_fit_a_call(writes: list[Write]) -> None:
    cut = list(chunks(writes))
    assert [write for chunk in cut for write in chunk] == writes
    for chunk in cut:
        assert 1 <= len(chunk) <= 25
        assert sum(len(write.request) + 1 for write in chunk) <= MAX_CALL_BYTES - 300


def test_a_chunk_is_closed_only_when_it_is_full() -> None:
    assert [len(chunk) for chunk in chunks([sized(100)] * 60)] == [25, 25, 10]
    assert [len(chunk) for chunk in chunks([sized(MAX_CALL_BYTES // 4)] * 6)] == [3, 3]
