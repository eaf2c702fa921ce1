"""The comparison with event-ruler asks questions that tell something."""

from collections import Counter
from random import Random

from tools.filters.__main__ import answer
from tools.filters.cases import CASES
from tools.filters.questions import make_question


def test_the_cases_have_the_answers_given_here() -> None:
    assert [case.rule for case in CASES if answer(case.pattern, case.data) != case.answer] == []


def test_some_questions_match_some_do_not_and_some_are_rejected() -> None:
    random = Random(1)
    answers = Counter(answer(*make_question(random)) for _ in range(1000))
    assert min(answers[kind] for kind in ("true", "false", "rejected")) > 10


def test_the_same_seed_makes_the_same_questions() -> None:
    one, other = Random(7), Random(7)
    assert [make_question(one) for _ in range(20)] == [make_question(other) for _ in range(20)]
