"""The pages and pictures follow from the code, and the links of the pages lead somewhere."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from stack.alarm_definitions import alarms
from stack.project import PROJECT
from tests.infra.recorder import deploy
from tools.docs.pages import PAGES
from tools.docs.record import load_traffic

README = PROJECT / "README.md"
LINK = re.compile(r"\]\(([^)#\s]+)(#[^)]*)?\)")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_generated_file_is_up_to_date(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == PAGES[path](), "run `make docs`"


def test_the_settings_page_has_every_setting_and_the_alarms_page_every_alarm() -> None:
    settings = (PROJECT / "docs" / "settings.md").read_text()
    keys = yaml.safe_load((PROJECT / "Pulumi.yaml").read_text())["config"]
    assert re.findall(r"^\| `(\w+)` ", settings, re.MULTILINE) == list(keys)
    names = [alarm.name for alarm in alarms(function_timeout=60, provisioned_table=False)]
    page = (PROJECT / "docs" / "alarms.md").read_text()
    assert re.findall(r"^\| `(\w+)` ", page, re.MULTILINE) == names


def test_the_dashboard_in_the_picture_is_the_one_that_the_program_builds() -> None:
    built = json.loads(deploy("dev").one("Dashboard").inputs["dashboardBody"])
    drawn = load_traffic().dashboard

    def shape(dashboard: object) -> str:
        text = json.dumps(dashboard, sort_keys=True)
        return re.sub(r'"EventSourceMappingUUID", "[^"]+"', '"EventSourceMappingUUID", ""', text)

    assert shape(drawn) == shape(built), "run `make record-docs`"


@pytest.mark.parametrize(
    "picture", sorted((PROJECT / "docs" / "images").iterdir()), ids=lambda path: path.name
)
def test_a_picture_is_xml_that_loads_nothing(picture: Path) -> None:
    text = picture.read_text()
    ElementTree.fromstring(text)  # noqa: S314 # our own file
    assert not re.search(r"https?://(?!www\.w3\.org/)(?![^<]*</text>)", text)


@pytest.mark.parametrize(
    "page",
    sorted({*PROJECT.glob("*.md"), *PROJECT.glob("[!.]*/*.md")}),
    ids=lambda path: path.relative_to(PROJECT).as_posix(),
)
def test_every_link_to_a_file_leads_to_one(page: Path) -> None:
    targets = [target for target, _ in LINK.findall(page.read_text()) if "://" not in target]
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert not missing


def test_the_readme_names_only_targets_and_commands_that_exist() -> None:
    text = README.read_text()
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`|^    )make ([a-z-]+)", text, re.MULTILINE)) <= targets
    commands = set(re.findall(r"(?:python -m ops|stream-ops) ([a-z]+)", text))
    existing = {"watch", "status", "explore", "quarantine", "replay", "rollback", "size", "cost", "use"}
    assert {"watch", "size"} <= commands <= existing


def test_the_first_screen_of_the_readme_has_picture_reasons_and_first_command() -> None:
    first = README.read_text().splitlines()[:45]
    text = "\n".join(first)
    assert "docs/images/architecture.svg" in text
    assert all(name in text for name in ("Firehose", "EventBridge Pipes", "Powertools", "original sample"))
    assert "    make demo" in first
