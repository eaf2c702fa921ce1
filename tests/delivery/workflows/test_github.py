"""The settings of the repository that `delivery github` changes."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from delivery.workflows.github import GithubError, Repository
from tests.doubles.github import REPOSITORY, USER_ID, Github


def test_an_environment_admits_one_branch_and_asks_its_reviewers(github: Github) -> None:
    repository = Repository.connect(REPOSITORY)
    github.branches["prod"] = ["release", "main"]
    for name, reviewers in (("dev", []), ("prod", [repository.user_id()])):
        for _ in range(2):
            repository.protect_environment(name, branch="main", reviewers=reviewers)
    only_named_branches = {"protected_branches": False, "custom_branch_policies": True}
    assert github.environments == {
        "dev": {"reviewers": [], "deployment_branch_policy": only_named_branches},
        "prod": {
            "reviewers": [{"type": "User", "id": USER_ID}],
            "deployment_branch_policy": only_named_branches,
        },
    }
    assert github.branches == {"dev": ["main"], "prod": ["main"]}


def test_an_environment_keeps_the_reviewers_and_rules_that_it_has(github: Github) -> None:
    team = {"type": "Team", "id": 3}
    rules = {"prevent_self_review": True, "wait_timer": 30}
    github.environments["prod"] = {"reviewers": [{"type": "User", "id": 1}, team], **rules}

    Repository.connect(REPOSITORY).protect_environment("prod", branch="main", reviewers=[USER_ID])

    changed = github.environments["prod"]
    assert changed["reviewers"] == [{"type": "User", "id": 1}, team]
    assert changed.items() >= rules.items()


@pytest.mark.parametrize("branch", ["main", "release/2"])
def test_a_protected_branch_changes_by_approved_pull_requests_with_green_tests_only(
    github: Github, branch: str
) -> None:
    repository = Repository.connect(REPOSITORY)
    assert not repository.requires_pull_requests(branch)
    for _ in range(2):
        repository.protect_branch(branch, check="tests")
        assert repository.requires_pull_requests(branch)
    assert not repository.requires_pull_requests("other")

    [ruleset] = github.rulesets
    assert ruleset["conditions"] == {"ref_name": {"include": [f"refs/heads/{branch}"], "exclude": []}}
    # An administrator merges without a review, where nobody else can give one, but does not push.
    [actor] = ruleset["bypass_actors"]
    assert actor == {"actor_id": 5, "actor_type": "RepositoryRole", "bypass_mode": "pull_request"}
    rules = {rule["type"]: rule.get("parameters", {}) for rule in ruleset["rules"]}
    assert set(rules) == {"deletion", "non_fast_forward", "pull_request", "required_status_checks"}
    review = {name for name, value in rules["pull_request"].items() if value}
    assert review == {
        "required_approving_review_count",
        "dismiss_stale_reviews_on_push",
        "require_last_push_approval",
    }
    assert rules["required_status_checks"]["required_status_checks"] == [{"context": "tests"}]


def test_a_ruleset_that_is_switched_off_protects_nothing(github: Github) -> None:
    repository = Repository.connect(REPOSITORY)
    repository.protect_branch("main", check="tests")
    github.rulesets[0]["enforcement"] = "disabled"
    assert not repository.requires_pull_requests("main")
    repository.protect_branch("main", check="tests")
    assert repository.requires_pull_requests("main")


def test_a_variable_is_created_and_changed(github: Github) -> None:
    repository = Repository.connect(REPOSITORY)
    for value in ("one", "two"):
        repository.set_variable("BOOTSTRAP", value)
        assert github.variables == {"BOOTSTRAP": value}


def test_a_github_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch, github: Github) -> None:
    with pytest.raises(GithubError, match="404"):
        Repository.connect("octo/other").set_variable("BOOTSTRAP", "")
    monkeypatch.setenv("GITHUB_API_URL", "http://127.0.0.1:9")
    with pytest.raises(GithubError, match="did not answer"):
        Repository.connect(REPOSITORY).user_id()


BOT = {"login": "github-actions[bot]"}
USERS = st.sampled_from([None, {"login": "mallory"}, BOT])
BODIES = st.sampled_from([None, "", "looks good", "<!-- mark -->", "<!-- mark --> old"])


@given(comments=st.lists(st.fixed_dictionaries({"user": USERS, "body": BODIES}), max_size=5))
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_workflows_comment_is_found_among_any_others(
    github: Github, comments: list[dict[str, Any]]
) -> None:
    github.comments[:] = [{"id": number, **each} for number, each in enumerate(comments)]
    own = [each["user"] == BOT and "mark" in (each["body"] or "") for each in comments]
    for text in ("first", "second"):
        Repository.connect(REPOSITORY).upsert_comment(5, "<!-- mark -->", f"<!-- mark --> {text}")
    changed = own.index(True) if any(own) else len(comments)
    expected = [each["body"] for each in comments]
    expected[changed : changed + 1] = ["<!-- mark --> second"]
    assert [each["body"] for each in github.comments] == expected
