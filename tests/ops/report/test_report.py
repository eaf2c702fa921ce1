"""`report` writes one file that shows what the operator's other commands show, and that loads nothing."""

import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from event.types.tweet import EVENT
from ops.aws.stack import Stack
from ops.explore.row import Row
from ops.health.check import Check, State
from ops.health.frame import EventStatus
from ops.report.page import Report, render
from ops.report.report import Written, make_report
from tests.ops.schemas import check_document
from tests.ops.stack import DeployedStack, tweet

HOSTILE = '<script>alert("1")</script>\u202e`<img src=x>`'
LOADING = {
    "script",
    "link",
    "img",
    "iframe",
    "object",
    "embed",
    "video",
    "audio",
    "source",
    "base",
    "form",
    "a",
}


class _Page(HTMLParser):
    """The elements and the attributes of a page, and the text in each kind of element."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        if tag not in ("meta", "br"):
            self._open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in set(self._open):
            self.texts[tag][-1] += data


def test_a_report_has_the_frame_each_check_with_its_remedy_the_quarantine_and_the_cost(
    stack: DeployedStack, user: str, tmp_path: Path
) -> None:
    stack.put(tweet(user), b"not json")
    (key,) = stack.quarantined(1)
    file = tmp_path / "report.html"
    written = stack.json("report", "--html", str(file))
    assert written["file"] == str(file)
    assert file.stat().st_mode & 0o777 == 0o600
    page = _Page(file.read_text())
    (frame,) = page.texts["pre"]
    assert all(name in frame for name in ("put", "received", "stored", "quarantined", "lag", "checks"))
    checks = stack.json("status")["checks"]
    assert {check["name"] for check in checks} <= {*page.texts["td"]}
    remedies = {code for check in checks for code in re.findall("`([^`]+)`", check["next"])}
    assert remedies <= {*page.texts["code"]}
    assert "not-json" in page.texts["td"]
    assert key in page.texts["code"]
    assert any(text.startswith("$") for text in page.texts["strong"])


def test_a_report_loads_nothing_and_runs_nothing_whatever_it_shows(deployed: DeployedStack) -> None:
    report = make_report(_opened(deployed), 500)
    row = Row(EVENT, (HOSTILE, "1", "2026-11-23T14:41:28.000Z", HOSTILE))
    frame = replace(
        report.frame,
        newest=[EventStatus(row, stored=True)],
        checks=[Check("Alarms", State.BAD, HOSTILE, HOSTILE)],
    )
    text = render(Report(frame, HOSTILE, HOSTILE))
    page = _Page(text)
    assert not page.tags & LOADING
    assert not {name for name in page.attributes if name.startswith("on") or name in ("src", "href")}
    assert "\u202e" not in unescape(text)
    assert "default-src 'none'" in text


def test_a_file_that_exists_is_not_replaced(deployed: DeployedStack, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text("mine")
    result = deployed.ops("report", "--html", str(file))
    assert result.exit_code == 2
    assert "the file exists; choose another name." in result.stderr
    assert file.read_text() == "mine"


def test_a_part_that_the_operator_may_not_read_is_named_in_its_place(
    deployed: DeployedStack, tmp_path: Path
) -> None:
    file = tmp_path / "report.html"
    actions = ("cloudwatch:*", "kinesis:*", "dynamodb:*", "lambda:*", "iam:*", "sns:*")
    with deployed.operator(*actions) as environment:
        result = deployed.ops_as(environment, "report", "--html", str(file), "--json")
    assert result.exit_code == 0, result.output
    assert check_document(result.stdout, Written)["healthy"] is False
    assert "cannot be read: An error occurred (AccessDenied)" in file.read_text()


def test_the_cost_of_a_stack_without_a_file_is_named_in_its_place(
    deployed: DeployedStack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("ops.planning.cost.PROJECT", tmp_path)
    report = make_report(_opened(deployed), 500)
    assert isinstance(report.cost, str)
    assert "Pulumi.dev.yaml does not exist" in report.cost


def _opened(deployed: DeployedStack) -> Stack:
    return Stack({}, lambda: deployed.outputs, deployed.aws.endpoint)
