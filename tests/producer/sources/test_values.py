"""JSON values out of chunks: whole, limited, in linear time, and each with its place."""

import json
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producer.sources.values import ValueSplitter, split_values


def split(data: bytes, chunk_bytes: int, max_bytes: int = 1 << 20) -> tuple[list[bytes | None], list[int]]:
    """Return the values and the offset after each."""
    splitter = ValueSplitter(max_bytes)
    values, offsets = [], []
    for start in range(0, len(data), chunk_bytes):
        for value in splitter.feed(data[start : start + chunk_bytes]):
            values.append(value)
            offsets.append(splitter.offset)
    for value in splitter.end():
        values.append(value)
        offsets.append(splitter.offset)
    return values, offsets


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text('ab"\\[]{},: \u00e9\ufeff', max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text('a"\\{', max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)
DOCUMENTS = st.lists(st.dictionaries(st.text("ab]", max_size=3), JSON, max_size=3), max_size=4)


@given(
    DOCUMENTS,
    st.sampled_from([None, 0, 2]),
    st.sampled_from(["", "\n", "\r\n ", "\ufeff"]),
    st.integers(1, 9),
)
def test_values_of_any_form_in_chunks_of_any_size_are_whole(
    documents: list[object], indent: int | None, between: str, chunk_bytes: int
) -> None:
    texts = [json.dumps(document, indent=indent, ensure_ascii=False).encode() for document in documents]
    data = b"".join(between.encode() + text for text in texts)

    values, offsets = split(data, chunk_bytes)

    assert values == texts
    assert [data[offset - len(text) : offset] for offset, text in zip(offsets, texts, strict=True)] == texts


@given(st.lists(JSON, max_size=5), st.sampled_from([None, 0, 2]), st.integers(1, 9))
def test_the_elements_of_an_array_are_values(
    elements: list[object], indent: int | None, chunk_bytes: int
) -> None:
    values, _ = split(json.dumps(elements, indent=indent).encode(), chunk_bytes)

    assert [json.loads(value or b"") for value in values] == elements


@given(st.text('ab"\\[]{},: \n').map(str.encode), st.integers(1, 9))
def test_what_is_no_json_is_split_alike_in_chunks_of_any_size(data: bytes, chunk_bytes: int) -> None:
    assert split(data, chunk_bytes) == split(data, len(data) + 1)


def test_what_stands_between_values_is_a_value_of_its_own() -> None:
    assert split_values(b'{"a":1} } x1 ]{"b":"]"},true') == [
        b'{"a":1}',
        b"}",
        b"x1",
        b"]",
        b'{"b":"]"}',
        b"true",
    ]


@pytest.mark.parametrize("element", [b'{"a":"%s"}', b'["%s"]', b'"%s"', b"%s"])
def test_a_value_beyond_the_limit_is_not_held(element: bytes) -> None:
    long = element % (b"x" * 5_000)

    values, _ = split(b'[{"a":1},' + long + b',{"b":2}]', chunk_bytes=100, max_bytes=1_000)

    assert values == [b'{"a":1}', None, b'{"b":2}']


def test_what_is_beyond_the_limit_takes_no_memory() -> None:
    splitter = ValueSplitter(1_000)
    for _ in range(100):
        assert list(splitter.feed(b'{"x' * 100)) == []
        assert sum(map(len, splitter._begun._parts)) <= 1_000


def test_an_array_that_is_cut_short_is_told_from_a_whole_one() -> None:
    splitter = ValueSplitter(1_000)

    assert list(splitter.feed(b'[{"a":1},{"b":')) == [b'{"a":1}']
    assert (splitter.in_array, splitter.in_value) == (True, True)
    assert list(splitter.end()) == [b'{"b":']


def test_the_memory_for_an_array_of_any_size_is_flat() -> None:
    element = b'  {"id": "1", "nested": [[1, 2], {"text": "a [b] \\" {c}"}]},\n' * 1_000
    splitter = ValueSplitter(10_000)
    list(splitter.feed(b"[\n"))
    tracemalloc.start()
    try:
        count = sum(1 for _ in range(20) for _ in splitter.feed(element))
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
    assert count == 20_000


@pytest.mark.parametrize("hostile", [b"[" * 100_000, b'{"' + b"\\" * 400_001, b'["' + b'\\"' * 200_000])
def test_hostile_input_takes_linear_time(hostile: bytes) -> None:
    started = time.process_time()

    split(hostile, chunk_bytes=65_536, max_bytes=1 << 24)

    assert time.process_time() - started < 3
