"""The scripts of the workflows, against GitHub on loopback."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ci import comment, issue, preview, require_secrets
from tests.doubles.github import Github

Run = Callable[..., int]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run a script in an empty folder, and return its exit code."""
    monkeypatch.chdir(tmp_path)
    for name in ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_ACCESS_TOKEN", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)

    def run(main: Callable[[], int], *arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["script", *arguments])
        return main()

    return run


def write(name: str, text: str) -> str:
    Path(name).write_text(text)
    return name


def test_a_pull_request_has_one_comment_that_each_push_updates(run: Run, github: Github) -> None:
    bot, mallory = {"login": "github-actions[bot]"}, {"login": "mallory"}
    github.comments += [{"id": number, "user": bot, "body": "looks good"} for number in range(120)]
    github.comments.append({"id": 130, "user": mallory, "body": comment.MARKER})
    for changes in ("3 to create", "1 to update"):
        assert run(comment.main, "--pull-request", "5", write("dev.txt", changes)) == 0
    [written] = [each["body"] for each in github.comments if "### `pulumi preview`" in each["body"]]
    assert "1 to update" in written
    assert "3 to create" not in written


def test_a_comment_shows_every_stack_and_fits_however_long_the_previews_are(run: Run, github: Github) -> None:
    reports = [
        write(f"{stack}.txt", f"{stack} begins {'x' * 90_000} {stack} ends") for stack in ("dev", "test")
    ]
    assert run(comment.main, "--pull-request", "5", *reports) == 0
    [written] = github.comments
    for stack in ("dev", "test"):
        assert f"of {stack}\n" in written["body"]
        assert f"{stack} begins" in written["body"]
        assert f"{stack} ends" in written["body"]


def test_a_preview_that_wrote_nothing_is_said_to_have_failed(run: Run, github: Github) -> None:
    assert (
        run(comment.main, "--pull-request", "5", "previews/*.txt") == 0
    )  # what a shell passes without a match
    [written] = github.comments
    assert "failed before it wrote a report" in written["body"]


def test_a_report_that_is_missing_or_not_utf8_is_still_reported(run: Run, github: Github) -> None:
    Path("dev.txt").write_bytes(b"caf\xe9")
    assert run(comment.main, "--pull-request", "5", "dev.txt") == 0
    assert "caf\N{REPLACEMENT CHARACTER}" in github.comments[0]["body"]
    assert run(issue.main, "--stack", "dev", "--report", "preview.txt") == 0
    assert "failed before it wrote a report" in github.issues[0]["body"]


def test_a_missing_cli_fails_the_preview_and_is_what_the_report_says(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    assert run(preview.main, "--stack", "dev", "--report", "preview.txt") == 127
    assert Path("preview.txt").read_text() == "`pulumi` is not on PATH.\n"


def test_a_report_cannot_break_out_of_its_block() -> None:
    page = preview.as_markdown("dev", "before\n```\n@everyone\n````\nafter")
    assert page.count("`````") == 2
    assert page.index("`````") < page.index("@everyone") < page.rindex("`````")


def test_drift_opens_one_issue_a_stack_and_comments_on_it_the_next_night(run: Run, github: Github) -> None:
    for stack in ("dev", "prod", "prod"):
        assert (
            run(issue.main, "--stack", stack, "--report", write("preview.txt", f"~ function of {stack}")) == 0
        )
    assert [(each["title"], each["labels"]) for each in github.issues] == [
        ("Drift in stack dev", ["drift"]),
        ("Drift in stack prod", ["drift"]),
    ]
    assert "~ function of prod" in github.issues[1]["body"]
    assert "https://github.com/octo/tweets/actions/runs/42" in github.issues[1]["body"]
    assert [len(each["comments"]) for each in github.issues] == [0, 1]


@pytest.mark.parametrize("main", [comment.main, issue.main])
def test_a_refusal_of_github_fails_the_step_and_is_shown(
    run: Run,
    github: Github,
    main: Callable[[], int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = {
        comment.main: ("--pull-request", "5", write("dev.txt", "")),
        issue.main: ("--stack", "dev", "--report", write("preview.txt", "")),
    }[main]
    monkeypatch.setenv("GITHUB_TOKEN", "expired")
    assert run(main, *arguments) == 1
    assert "401" in capsys.readouterr().err
    monkeypatch.delenv("GITHUB_TOKEN")
    assert run(main, *arguments) == 1
    assert "GITHUB_TOKEN is not set" in capsys.readouterr().err


def test_a_stack_whose_secrets_nothing_protects_fails_the_step(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(require_secrets.main, "--stack", "dev") == 1
    write("Pulumi.dev.yaml", "encryptionsalt: v1:abc\nconfig: {}\n")
    for name in ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_ACCESS_TOKEN"):
        monkeypatch.setenv(name, "")  # what an unset secret is
        assert run(require_secrets.main, "--stack", "dev") == 1
        assert "Nothing protects the secrets of the stack dev" in capsys.readouterr().err
        monkeypatch.setenv(name, "something")
        assert run(require_secrets.main, "--stack", "dev") == 0
        monkeypatch.setenv(name, "")
    write("Pulumi.dev.yaml", "secretsprovider: passphrase\n")
    assert run(require_secrets.main, "--stack", "dev") == 1
    for provider in ("awskms://alias/dev?region=us-east-1", '"awskms://alias/dev?region=us-east-1"'):
        write("Pulumi.dev.yaml", f"secretsprovider: {provider}\n")
        assert run(require_secrets.main, "--stack", "dev") == 0
