"""Text from outside is safe to print: one line, bounded, without control characters and passwords."""

import json
from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.printing import printable, shorten, without_userinfo

UNSAFE = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def is_safe(text: str) -> bool:
    return UNSAFE.isdisjoint(map(category, text))


@given(st.text() | st.text("a\x1b\n\u200d\u202e\ud800\u2028\u3000é"))
def test_printable_text_is_unchanged_and_any_other_is_escaped(text: str) -> None:
    shown = printable(text)

    assert is_safe(shown)
    assert (shown == text) == is_safe(text)


@given(st.lists(st.text()) | st.dictionaries(st.text(), st.text()))
def test_json_keeps_its_value(value: object) -> None:
    assert json.loads(printable(json.dumps(value, ensure_ascii=False))) == value


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two\r\nlines\x1b[2J", r"two\r\nlines\u001b[2J"),
        ("right \u202eto left", r"right \u202eto left"),
        ("水\u3000灯\xa0\U0001fae8", "水\u3000灯\xa0\U0001fae8"),
    ],
    ids=["control characters", "a direction mark", "spaces and a new emoji"],
)
def test_escapes_are_those_of_json_and_spaces_and_emoji_need_none(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_long_text_is_cut_and_says_so() -> None:
    assert shorten("x" * 10, 10) == "x" * 10
    assert shorten("x" * 3_000_000, 10) == "xxxxxxxxxx… (3,000,000 characters)"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('proxy URL: "http://ada:secret@proxy:1/a"', 'proxy URL: "http://proxy:1/a"'),
        ("http://ada:p@ss@proxy and socks5://ada@proxy", "http://proxy and socks5://proxy"),
        ("//ada:secret@proxy", "//proxy"),
        ("https://example.org/@ada?to=a@b", "https://example.org/@ada?to=a@b"),
        ('{"a":"http://x","b":"@ada"}', '{"a":"http://x","b":"@ada"}'),
    ],
)
def test_a_url_is_shown_without_user_name_and_password(text: str, shown: str) -> None:
    assert without_userinfo(text) == shown
