"""Which rules a run wants, and what has to change on X."""

import pytest

from producer.sources.x.rules import TAG, Change, Rule, expressions, plan_change


@pytest.mark.parametrize(
    ("term", "rule"),
    [
        ("lantern", "lantern"),
        ("  lantern ", "lantern"),
        ("#LanternNight", "#LanternNight"),
        ("@mira_vell", "@mira_vell"),
        ("$NVDA", "$NVDA"),
        ("提灯", "提灯"),
        ("#हिंदी", "#हिंदी"),
        ("हिंदी", "हिंदी"),
        ("#ประเทศไทย", "#ประเทศไทย"),
        ("#ที่รัก", "#ที่รัก"),
        ("#தமிழ்", "#தமிழ்"),
        ("#বাংলা", "#বাংলা"),
        ("#नाश्\u200dता", "#नाश्\u200dता"),  # with a joiner
        (
            "#\u0645\u06cc\u200c\u062e\u0648\u0627",
            "#\u0645\u06cc\u200c\u062e\u0648\u0627",
        ),  # with a non-joiner
        ("#paral·lel", "#paral·lel"),
        ("paral·lel", '"paral·lel"'),
        ("#", '"#"'),
        ("##tea", '"##tea"'),
        ("paper   lantern", '"paper lantern"'),
        ("C++", '"C++"'),
        ("lang:en", '"lang:en"'),
        ("-rain", '"-rain"'),
        ("OR", '"OR"'),
        ('the "good" boat', '"the good boat"'),
    ],
)
def test_a_tracked_term_matches_literally(term: str, rule: str) -> None:
    assert expressions([term], []) == (rule,)


def test_rules_are_used_unchanged_and_once() -> None:
    assert expressions(["tea", "tea", " "], ["lang:en (tea OR bun)", "tea", ""]) == (
        "tea",
        "lang:en (tea OR bun)",
    )


OURS = Rule("1", "tea", TAG)
STALE = Rule("2", "coffee", TAG)
OTHERS = Rule("3", "cocoa", "another program")
UNTAGGED = Rule("4", "juice", None)


def test_missing_rules_are_added_and_our_old_ones_deleted() -> None:
    assert plan_change([OURS, STALE, OTHERS, UNTAGGED], ["tea", "milk"]) == Change(
        add=("milk",), delete=("2",)
    )


def test_existing_rules_are_not_changed_whoever_created_them() -> None:
    assert plan_change([OURS, OTHERS, UNTAGGED], ["tea", "cocoa"]) == Change(add=(), delete=())
