"""Lines out of chunks: whole, limited, and each with its place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producer.sources.lines import LineSplitter


def split(data: bytes, chunk_bytes: int, max_bytes: int) -> tuple[list[bytes | None], list[int]]:
    """Return the lines and the offsets after each."""
    splitter = LineSplitter(max_bytes)
    lines, offsets = [], []
    for start in range(0, len(data), chunk_bytes):
        for line in splitter.feed(data[start : start + chunk_bytes]):
            lines.append(line)
            offsets.append(splitter.offset)
    for line in splitter.end():
        lines.append(line)
        offsets.append(splitter.offset)
    return lines, offsets


@given(st.lists(st.sampled_from([b"a", b"bc", b"\n", b"\r\n", b"defgh"])).map(b"".join), st.integers(1, 9))
def test_chunks_of_any_size_give_the_lines_and_their_offsets(data: bytes, chunk_bytes: int) -> None:
    expected = data.split(b"\n")
    if not expected[-1]:
        expected.pop()

    lines, offsets = split(data, chunk_bytes, max_bytes=5)

    assert lines == [line if len(line) <= 5 else None for line in expected]
    assert offsets == [
        min(sum(len(line) + 1 for line in expected[: count + 1]), len(data)) for count in range(len(lines))
    ]


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_line_beyond_the_limit_is_not_held(end: bytes) -> None:
    splitter = LineSplitter(1_000)
    for _ in range(1_000):
        assert list(splitter.feed(b"x" * 900)) == []
        assert sum(map(len, splitter._begun._parts)) <= 1_000
    assert [*splitter.feed(end), *splitter.end()] == [None]
