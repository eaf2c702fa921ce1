"""The preview explains what a valid pattern does that its author may not expect."""

import pytest

from stack.filters.advice import advise
from stack.filters.pattern import parse_pattern


@pytest.mark.parametrize(
    ("pattern", "advice"),
    [
        (
            '{"data": {"author_id": [{"numeric": [">", 0]}]}}',
            "data.author_id: a numeric rule skips most numbers",
        ),
        ('{"data": {"n": [300]}}', "data.n: 300 matches 300.0 too"),
        (
            '{"partitionKey": ["1"]}',
            "partitionKey: Lambda's guide says that Kinesis mappings filter on data only",
        ),
        ('{"data": {"a": [{"wildcard": "b*"}]}}', "data.a: AWS's matcher knows wildcard;"),
        ('{"data": {"a": [{"cidr": "10.0.0.0/8"}]}}', "data.a: AWS's matcher knows cidr;"),
        (
            '{"data": {"a": [{"anything-but": {"suffix": "b"}}]}}',
            "data.a: AWS's matcher knows anything-but with suffix;",
        ),
        (
            '{"data": {"a": [{"equals-ignore-case": "😀"}]}}',
            "data.a: equals-ignore-case never matches characters",
        ),
    ],
)
def test_a_surprise_is_explained_once(pattern: str, advice: str) -> None:
    [sentence] = advise(parse_pattern(pattern))
    assert sentence.startswith(advice)


@pytest.mark.parametrize(
    "pattern",
    [
        '{"data": {"lang": ["en", null, true, 0.5]}}',
        '{"data": {"followers": [{"numeric": [">=", 100]}]}}',
        '{"data": {"id": [{"prefix": "18"}, {"exists": false}]}}',
        '{"data": {"kind": [{"anything-but": ["ad"]}]}}',
        '{"data": {"lang": [{"equals-ignore-case": "EN"}]}}',
    ],
)
def test_what_does_as_it_says_needs_no_advice(pattern: str) -> None:
    assert advise(parse_pattern(pattern)) == []
