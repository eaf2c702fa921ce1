"""The rules of the X source: on X while it reads, and removed afterwards."""

from local.x.server import RULES, Connection, ScriptedAnswer, XServer
from producer.sources.x.rules import TAG
from tests.producer.sources.reading import Reading
from tests.producer.sources.x.watched_x import GET_STREAM, TERM, WatchedX, problem


def test_our_rules_exist_on_x_only_while_we_read() -> None:
    with XServer(count=1) as x:
        others = x.add_rule("bun", "another program")
        with Reading(WatchedX(x, track=[TERM, "paper boat"], rules=["kite OR soup"])) as reading:
            reading.until_items(1)
            assert {(rule.value, rule.tag) for rule in x.rules} == {
                ("bun", "another program"),
                (TERM, TAG),
                ('"paper boat"', TAG),
                ("kite OR soup", TAG),
            }
        assert x.rules == [others]


def test_closing_twice_is_harmless() -> None:
    with XServer(count=1) as x:
        source = WatchedX(x)
        with Reading(source) as reading:
            reading.until_items(1)
            source.close()
        assert x.requests.count(f"POST {RULES}") == 2  # one created the rule, one deleted it


def test_our_rules_are_removed_after_a_reconnection_too() -> None:
    with XServer(count=2, script=[Connection(1, ending="end")]) as x:
        with Reading(WatchedX(x)) as reading:
            reading.until_items(2)
        assert x.rules == []


def test_kept_rules_stay_and_are_not_added_again() -> None:
    with XServer(count=2, script=[Connection(1), Connection(1)]) as x:
        for _ in range(2):
            with Reading(WatchedX(x, keep_rules=True)) as reading:
                reading.until_items(1)
        assert [rule.value for rule in x.rules] == [TERM]
        assert x.requests.count(f"POST {RULES}") == 1


def test_our_rules_of_an_earlier_run_are_removed() -> None:
    with XServer(count=1) as x:
        x.add_rule("yesterday", TAG)
        with Reading(WatchedX(x)) as reading:
            reading.until_items(1)
            assert [rule.value for rule in x.rules] == [TERM]


def test_an_equal_rule_of_others_is_used_and_stays() -> None:
    with XServer(count=1) as x:
        others = x.add_rule(TERM, "another program")
        with Reading(WatchedX(x)) as reading:
            reading.until_items(1)
            assert reading.texts
        assert x.rules == [others]


def test_posts_that_only_rules_of_others_match_are_rejected() -> None:
    with XServer(rate=None, count=160, script=[Connection(80, ending="end")]) as x:
        x.add_rule("e", "another program")
        source = WatchedX(x, track=["soup"])
        with Reading(source) as reading:
            reading.until_items(160)
    assert reading.texts
    assert all("soup" in text for text in reading.texts)
    assert {item.reason for item in reading.rejected} == {"only rules that this run did not ask for match it"}
    assert sum("X has other rules too (1, such as `e`)" in note for note in source.notes) == 1


def test_the_rules_on_x_select_if_no_terms_are_given() -> None:
    with XServer(count=1) as x:
        others = x.add_rule(TERM, "another program")
        with Reading(WatchedX(x, track=[])) as reading:
            reading.until_items(1)
            assert reading.texts
        assert x.rules == [others]


def test_missing_rules_are_an_error_with_the_remedy() -> None:
    with XServer() as x, Reading(WatchedX(x, track=[])) as reading:
        assert "give --track TERM or --rule EXPR" in reading.failure()
        assert GET_STREAM not in x.requests


def test_a_rule_that_x_does_not_understand_is_named() -> None:
    with XServer() as x:
        with Reading(WatchedX(x, rules=["colour:blue"])) as reading:
            assert "X rejects the rule `colour:blue`: Operator `colour:blue`" in reading.failure()
        assert x.rules == []


def test_every_rule_that_x_rejects_is_named_before_a_rule_of_an_earlier_run_is_deleted() -> None:
    with XServer() as x:
        kept = x.add_rule("yesterday", TAG)
        with Reading(WatchedX(x, rules=["lang:en", "soup", "is:reply"])) as reading:
            failure = reading.failure()
            assert "X rejects the rule `lang:en`: Operator `lang:en` is not available here" in failure
            assert "and the rule `is:reply`: Operator" in failure
            assert x.rules == [kept]
    assert not [request for request in x.requests if request in {GET_STREAM, f"POST {RULES}"}]


def test_a_rule_that_somebody_adds_at_the_same_time_is_used() -> None:
    none_yet = ScriptedAnswer(200, {"meta": {"result_count": 0}}, path=RULES)
    with XServer(count=1, script=[none_yet]) as x:
        others = x.add_rule(TERM, "another program")
        with Reading(WatchedX(x)) as reading:
            reading.until_items(1)
            assert reading.texts
        assert x.rules == [others]


def test_rules_that_cannot_be_removed_are_reported() -> None:
    with XServer(count=1) as x:
        source = WatchedX(x)
        with Reading(source) as reading:
            reading.until_items(1)
            x.plan(ScriptedAnswer(503, path=RULES))
    assert "The rules stay on X until the next run: X answered 503" in source.notes[-1]


NOT_DELETED = ScriptedAnswer(
    200,
    {"meta": {"summary": {"deleted": 0, "not_deleted": 1}}, "errors": [problem("Invalid Request")]},
    path=RULES,
)
"""X's answer when it has not deleted a rule."""


def test_a_rule_that_x_does_not_delete_at_the_end_is_reported() -> None:
    with XServer(count=1) as x:
        source = WatchedX(x)
        with Reading(source) as reading:
            reading.until_items(1)
            x.plan(NOT_DELETED)
    assert source.notes == [
        f"X did not delete 1 of this program's rules, such as `{TERM}` (Invalid Request: about Invalid Request): "
        "X sends and bills their posts until a later run deletes them."
    ]


def test_a_rule_of_an_earlier_run_that_x_does_not_delete_is_reported() -> None:
    with XServer(count=1) as x:
        stale = x.add_rule("yesterday", TAG)
        listed = ScriptedAnswer(200, {"data": [stale._asdict()]}, path=RULES)
        checked = ScriptedAnswer(200, {"meta": {}}, path=RULES)
        x.plan(listed, checked, NOT_DELETED)
        source = WatchedX(x)
        with Reading(source) as reading:
            reading.until_items(1)
            assert x.rules[0] == stale
    assert "X did not delete 1 of this program's rules, such as `yesterday`" in source.notes[0]


def test_a_rule_that_somebody_else_has_deleted_is_no_failure() -> None:
    with XServer(count=1) as x:
        source = WatchedX(x)
        with Reading(source) as reading:
            reading.until_items(1)
            x.rules = []
            x.add_rule("bun", "another program")
    assert source.notes == []
