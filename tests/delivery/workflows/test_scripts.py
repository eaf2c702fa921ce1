"""The scripts of the workflows, against GitHub on loopback."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from delivery.workflows import comment, issue, preview, require_secrets
from tests.doubles.github import Github

Run = Callable[..., int]
SECRETS = ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE", "PULUMI_ACCESS_TOKEN")
HOSTILE = st.text(st.sampled_from("`~ \t\n\r\x00\x0b\x0c\u2028\\#>-*_<!&|[]()@:a1"))
"""Text with a meaning in Markdown, at the start of a line or within it."""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run a script in an empty folder, and return its exit code."""
    monkeypatch.chdir(tmp_path)
    for name in (*SECRETS, "GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT", "GITHUB_EVENT_PATH"):
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
    github.comments.append({"id": 131, "user": None, "body": comment.MARKER})  # the account was deleted
    github.comments.append({"id": 132, "user": bot, "body": None})
    for changes in ("3 to create", "1 to update"):
        assert run(comment.main, "--pull-request", "5", write("dev.txt", changes)) == 0
    [written] = [each["body"] for each in github.comments if "### `pulumi preview`" in (each["body"] or "")]
    assert "1 to update" in written
    assert "3 to create" not in written


def test_a_comment_shows_every_stack_and_fits_however_long_the_previews_are(run: Run, github: Github) -> None:
    reports = [
        write(f"{stack}.txt", f"{stack} begins {'x' * 90_000} {stack} ends") for stack in ("dev", "test")
    ]
    assert run(comment.main, "--pull-request", "5", *reports) == 0
    [written] = github.comments
    for stack in ("dev", "test"):
        assert f"of `{stack}`\n" in written["body"]
        assert f"{stack} begins" in written["body"]
        assert f"{stack} ends" in written["body"]


def test_the_comment_says_that_a_preview_without_a_report_failed(run: Run, github: Github) -> None:
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


def test_a_missing_cli_fails_the_preview_and_is_named_in_the_report(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    assert run(preview.main, "--stack", "dev", "--report", "preview.txt") == 127
    assert Path("preview.txt").read_text() == "`pulumi` is not on PATH.\n"


@pytest.mark.parametrize("report", ["`" * 20_000, "`" * 90_000, "\n" * 90_000 + "end", "\U0001f600" * 90_000])
def test_a_comment_fits_whatever_the_previews_contain(run: Run, github: Github, report: str) -> None:
    reports = [write(f"{stack}.txt", report) for stack in ("dev", "test", "prod")]
    assert run(comment.main, "--pull-request", "5", *reports) == 0
    assert run(issue.main, "--stack", "dev", "--report", reports[0]) == 0
    assert (len(github.comments), len(github.issues)) == (1, 1)


def test_a_comment_fits_however_many_previews_there_are(run: Run, github: Github) -> None:
    reports = [write(f"{'a' * 200}{number}.txt", "changes") for number in range(400)]
    assert run(comment.main, "--pull-request", "5", *reports) == 0
    assert len(github.comments) == 1


@given(stack=HOSTILE, line=HOSTILE, times=st.sampled_from([1, 3, 1000]), limit=st.integers(300, 5000))
def test_a_report_is_one_block_within_its_limit(stack: str, line: str, times: int, limit: int) -> None:
    page = preview.as_markdown(stack[:100], line * times, limit)
    assert len(page) <= limit
    kinds = [token.type for token in MarkdownIt().parse(f"{comment.MARKER}\n{page}")]
    heading = ["html_block", "heading_open", "inline", "heading_close"]
    assert kinds in ([*heading, "code_block"], heading)


def pulumi(folder: Path, arguments: str, report: str, code: int) -> str:
    """A `pulumi` for the PATH that takes these arguments only, writes a report and exits; return its folder."""
    command = folder / "pulumi"
    command.write_text(f"#!/bin/sh\n[ \"$*\" = '{arguments}' ] || exit 64\necho '{report}'\nexit {code}\n")
    command.chmod(0o755)
    return str(folder)


NIGHTLY = (
    "preview --stack prod --refresh --diff --non-interactive --color never --suppress-progress "
    "--expect-no-changes"
)


@pytest.mark.parametrize(
    ("code", "report", "message"),
    [
        (0, "no changes", "The preview of prod succeeded"),
        (1, "error: the stack is currently locked by 1 lock(s)", "failed with exit code 1"),
        (3, "error: ExpiredToken", "failed with exit code 3"),
        (6, "error: no stack named prod found", "python -m delivery stack prod"),
        (7, "~ function", "The stack prod differs from the program"),
    ],
)
def test_the_nightly_preview_distinguishes_drift_failure_and_a_missing_stack(
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    code: int,
    report: str,
    message: str,
) -> None:
    monkeypatch.setenv("PATH", pulumi(tmp_path, NIGHTLY, report, code))
    monkeypatch.setenv("GITHUB_OUTPUT", "output")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary")
    arguments = ("--stack", "prod", "--report", "preview.txt", "--expect-no-changes")
    assert run(preview.main, *arguments) == code
    assert Path("output").read_text() == f"exit-code={code}\n"
    assert Path("preview.txt").read_text() == f"{report}\n"
    for shown in (capsys.readouterr().err, Path("summary").read_text()):
        assert message in shown
        assert ("differs" in shown) == (code == 7)


def test_a_preview_hands_the_policies_to_the_cli(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = f"--save-plan plan.json --policy-pack {preview.POLICY_PACK}"
    arguments = NIGHTLY.replace("--expect-no-changes", options)
    report = "stream-stream is not encrypted at rest. Fix: ..."
    monkeypatch.setenv("PATH", pulumi(tmp_path, arguments, report, 1))
    assert run(preview.main, "--stack", "prod", "--report", "preview.txt", "--plan", "plan.json") == 1
    assert Path("preview.txt").read_text() == f"{report}\n"


URN = "urn:pulumi:dev::stream-processing::stream-processing:infra:Part$"
UNLABELLED = {"pull_request": {"labels": [{"name": "bug"}]}}
LABELLED = {"pull_request": {"labels": [{"name": "bug"}, {"name": "replaces-data"}]}}
PUSH: dict[str, str] = {"ref": "refs/heads/main"}


@pytest.fixture
def preview_of(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Preview a change whose plan does steps to one resource, in a run that an event started."""
    command = tmp_path / "pulumi"
    save_plan = 'while [ $# -gt 1 ]; do [ "$1" = --save-plan ] && cp made.json "$2"; shift; done'
    command.write_text(f"#!/bin/sh\n{save_plan}\necho '~ 1 to change'\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    def preview_of(resource: str, *steps: str, event: object = None, arguments: tuple[str, ...] = ()) -> int:
        plans = {
            "urn:pulumi:dev::stream-processing::pulumi:pulumi:Stack::stream-processing-dev": {
                "steps": ["same"]
            },
            f"{URN}{resource}": {"steps": steps},
        }
        write("made.json", json.dumps({"manifest": {}, "resourcePlans": plans}))
        if event is not None:
            monkeypatch.setenv("GITHUB_EVENT_PATH", write("event.json", json.dumps(event)))
        return run(preview.main, "--stack", "dev", "--report", "preview.txt", *arguments)

    return preview_of


@pytest.mark.parametrize(
    ("resource", "named"),
    [
        ("aws:dynamodb/table:Table::table-table", "table-table (aws:dynamodb/table:Table)"),
        ("aws:kinesis/stream:Stream::stream-stream", "stream-stream (aws:kinesis/stream:Stream)"),
        ("aws:s3/bucket:Bucket::quarantine-bucket", "quarantine-bucket (aws:s3/bucket:Bucket)"),
    ],
)
@pytest.mark.parametrize("steps", [("delete",), ("create-replacement", "replace", "delete-replaced")])
def test_a_preview_that_replaces_or_deletes_what_holds_data_fails_and_names_it(
    preview_of: Callable[..., int],
    capfd: pytest.CaptureFixture[str],
    resource: str,
    named: str,
    steps: tuple[str, ...],
) -> None:
    assert preview_of(resource, *steps, event=UNLABELLED) == 1
    message = f"The stack dev would lose data: {named} would be replaced or deleted."
    assert message in Path("preview.txt").read_text()  # and so in the comment
    assert "".join(capfd.readouterr()).count(message) == 1


@pytest.mark.parametrize(
    ("resource", "steps"),
    [
        ("aws:dynamodb/table:Table::table-table", ["update"]),
        ("aws:dynamodb/table:Table::table-table", ["create"]),
        ("aws:dynamodb/table:Table::table-table", ["same"]),
        ("aws:cloudwatch/metricAlarm:MetricAlarm::monitoring-StreamNotRead", ["delete"]),
        (
            "aws:s3/bucketPolicy:BucketPolicy::quarantine-policy",
            ["create-replacement", "replace", "delete-replaced"],
        ),
    ],
)
def test_a_preview_that_changes_no_data_needs_no_label(
    preview_of: Callable[..., int], resource: str, steps: list[str]
) -> None:
    assert preview_of(resource, *steps, event=UNLABELLED) == 0


@pytest.mark.parametrize(
    ("event", "labels", "code"),
    [
        (LABELLED, None, 0),
        (UNLABELLED, ["replaces-data"], 1),  # the pull request itself says what it has
        (PUSH, ["replaces-data"], 0),
        (PUSH, ["bug"], 1),
        (PUSH, None, 1),  # a commit that no pull request brought
        (None, ["replaces-data"], 1),  # by hand
    ],
)
def test_the_label_of_the_pull_request_lets_data_go_also_once_it_is_merged(
    preview_of: Callable[..., int],
    github: Github,
    monkeypatch: pytest.MonkeyPatch,
    event: object,
    labels: list[str] | None,
    code: int,
) -> None:
    monkeypatch.setenv("GITHUB_SHA", "0f7c2d2e")
    if labels is not None:
        github.labels["0f7c2d2e"] = labels
    arguments = ("--plan", "plan.json")
    assert preview_of("aws:kinesis/stream:Stream::stream", "delete", event=event, arguments=arguments) == code
    assert Path("plan.json").exists()


def test_data_stays_while_github_does_not_tell_the_labels(
    preview_of: Callable[..., int],
    github: Github,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("GITHUB_SHA", "0f7c2d2e")
    monkeypatch.setenv("GITHUB_TOKEN", "expired")
    assert preview_of("aws:kinesis/stream:Stream::stream", "delete", event=PUSH) == 1
    shown = capsys.readouterr().err
    assert "401" in shown
    assert "would lose data" in shown


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
def test_a_request_that_github_rejects_fails_the_step_and_is_shown(
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


FILES = {
    "absent": None,
    "new": "config: {}\n",
    "salt": "encryptionsalt: v1:abc\nconfig: {}\n",
    "passphrase": "secretsprovider: passphrase\n",
    "key": "secretsprovider: awskms://alias/dev?region=us-east-1\n",
    "quoted key": 'secretsprovider: "awskms://alias/dev?region=us-east-1"\nencryptionsalt: v1:abc\n',
}


@pytest.mark.parametrize(
    ("file", "environment", "code"),
    [
        ("absent", {}, 1),
        ("new", {}, 1),
        ("salt", {}, 1),
        ("passphrase", {}, 1),
        ("key", {}, 0),
        ("quoted key", {}, 0),
        # An unset secret of GitHub is the empty string.
        ("key", {"PULUMI_CONFIG_PASSPHRASE": "", "PULUMI_ACCESS_TOKEN": ""}, 0),
        ("salt", {"PULUMI_CONFIG_PASSPHRASE": ""}, 1),
        ("salt", {"PULUMI_CONFIG_PASSPHRASE": "secret"}, 0),
        ("new", {"PULUMI_CONFIG_PASSPHRASE": "secret"}, 0),
        ("salt", {"PULUMI_CONFIG_PASSPHRASE_FILE": "secret.txt"}, 0),
        ("salt", {"PULUMI_CONFIG_PASSPHRASE_FILE": "blank.txt"}, 1),
        ("salt", {"PULUMI_CONFIG_PASSPHRASE_FILE": "missing.txt"}, 1),
        ("salt", {"PULUMI_CONFIG_PASSPHRASE_FILE": ""}, 1),
        ("salt", {"PULUMI_CONFIG_PASSPHRASE_FILE": "."}, 1),
        # The CLI reads the file only if the variable is not there at all.
        ("salt", {"PULUMI_CONFIG_PASSPHRASE": "", "PULUMI_CONFIG_PASSPHRASE_FILE": "secret.txt"}, 1),
        ("salt", {"PULUMI_CONFIG_PASSPHRASE": "secret", "PULUMI_CONFIG_PASSPHRASE_FILE": "blank.txt"}, 0),
        ("new", {"PULUMI_ACCESS_TOKEN": ""}, 1),
        ("new", {"PULUMI_ACCESS_TOKEN": "pul-1"}, 0),
        # A stack with a salt is encrypted with a passphrase, also on Pulumi's own backend.
        ("salt", {"PULUMI_ACCESS_TOKEN": "pul-1"}, 1),
        ("passphrase", {"PULUMI_ACCESS_TOKEN": "pul-1"}, 1),
    ],
)
def test_a_stack_whose_secrets_nothing_protects_fails_the_step(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    file: str,
    environment: dict[str, str],
    code: int,
) -> None:
    write("secret.txt", "secret\n")
    write("blank.txt", " \n")
    if content := FILES[file]:
        write("Pulumi.dev.yaml", content)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert run(require_secrets.main, "--stack", "dev") == code
    assert ("Nothing protects the secrets of the stack dev" in capsys.readouterr().err) == (code == 1)
