"""The pages and pictures follow from the code, and the links of the pages lead somewhere."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click import Context
from click.testing import CliRunner

from ops.cli import cli as ops
from stack.alarm_definitions import alarms
from stack.project import PROJECT, declared_settings
from tests.infra.recorder import deploy
from tools.docs.pages import PAGES
from tools.docs.record import load_traffic

README = PROJECT / "README.md"
CHECKS = [PROJECT / "ops" / "health" / name for name in ("checks.py", "guards.py")]
LINK = re.compile(r"\]\(([^)#\s]*)(#[^)\s]*)?\)")
PAGES_TO_READ = sorted({*PROJECT.glob("*.md"), *PROJECT.glob("[!.]*/*.md")})


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_generated_file_is_up_to_date(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == PAGES[path](), "run `make docs`"


def test_the_settings_page_has_every_setting_and_the_alarms_page_every_alarm() -> None:
    settings = (PROJECT / "docs" / "settings.md").read_text()
    assert re.findall(r"^\| `(\w+)` ", settings, re.MULTILINE) == list(declared_settings())
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


@pytest.mark.parametrize("page", PAGES_TO_READ, ids=lambda path: path.relative_to(PROJECT).as_posix())
def test_every_link_leads_to_a_file_and_to_a_heading_in_it(page: Path) -> None:
    links = [(target, anchor) for target, anchor in LINK.findall(_prose(page)) if "://" not in target]
    missing = [target for target, _ in links if target and not (page.parent / target).exists()]
    assert not missing
    unknown = [
        f"{target}{anchor}"
        for target, anchor in links
        if anchor and anchor[1:] not in _anchors((page.parent / target) if target else page)
    ]
    assert not unknown


def _prose(page: Path) -> str:
    return re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)


def _anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings: lower case, spaces as hyphens, no punctuation."""
    headings = re.findall(r"^#+ (.+)$", _prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES_TO_READ, ids=lambda path: path.relative_to(PROJECT).as_posix())
def test_a_page_names_only_targets_and_commands_that_exist(page: Path) -> None:
    text = page.read_text()
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`|^    )make ([a-z-]+)", text, re.MULTILINE)) <= targets
    assert set(re.findall(r"(?:python -m ops|stream-ops) ([a-z]+)", text)) <= set(
        ops.list_commands(Context(ops))
    )


def test_the_readme_is_read_in_one_sitting_and_names_every_command_of_the_first_day() -> None:
    lines = README.read_text().splitlines()
    assert len(lines) <= 200
    text = "\n".join(lines)
    assert all(f"`{word}`" in text or f"    {word}" in text for word in ("make demo", "make test"))


def test_every_page_is_in_the_index_of_the_documentation() -> None:
    index = (PROJECT / "docs" / "README.md").read_text()
    linked = {target for target, _ in LINK.findall(index)}
    assert {page.name for page in (PROJECT / "docs").glob("*.md")} - {"README.md"} <= linked


def test_the_runbook_has_a_section_for_every_alarm_and_a_line_for_every_check() -> None:
    runbook = (PROJECT / "docs" / "runbook.md").read_text()
    names = {alarm.name for alarm in alarms(function_timeout=60, provisioned_table=False)}
    assert names == set(re.findall(r"^### `(\w+)`$", runbook, re.MULTILINE))
    text = "".join(path.read_text() for path in CHECKS)
    checks = set(re.findall(r'Check\("([A-Z][a-z ]+)"|_no_data\("([A-Z][a-z ]+)"', text))
    lines = "\n".join(re.findall(r"^\| (.+?) \|", runbook, re.MULTILINE))
    assert checks
    assert {name for pair in checks for name in pair if name and f"`{name}`" not in lines} == set()


@pytest.mark.parametrize("identity", ["user", "policy"])
def test_every_output_of_the_stack_is_documented(identity: str) -> None:
    page = (PROJECT / "docs" / "outputs.md").read_text()
    documented = set(re.findall(r"`([a-z_]+)`", "\n".join(re.findall(r"^\| (.+?) \|", page, re.MULTILINE))))
    assert set(deploy("dev", producerIdentity=identity).outputs) <= documented


def test_the_costs_in_the_readme_are_those_of_the_command() -> None:
    rows = re.findall(
        r"^\| (idle|100 tweets a second of 700 bytes) \| \$(\d+) \| \$(\d+) \|$",
        README.read_text(),
        re.MULTILINE,
    )
    shown = {load: (int(dev), int(prod)) for load, dev, prod in rows}
    assert shown == {
        "idle": (_cost("dev", "0.0001"), _cost("prod", "0.0001")),
        "100 tweets a second of 700 bytes": (_cost("dev", "100"), _cost("prod", "100")),
    }


def _cost(stack: str, rate: str) -> int:
    """Return a month's cost in dollars, rounded."""
    options = ["cost", "--stack", stack, "--rate", rate, "--size", "700", "--json"]
    completed = CliRunner().invoke(ops, options, catch_exceptions=False)
    total: float = json.loads(completed.stdout)["total"]
    return round(total)


def test_the_first_screen_of_the_readme_has_picture_reasons_and_first_command() -> None:
    first = README.read_text().splitlines()[:45]
    text = "\n".join(first)
    assert "docs/images/architecture.svg" in text
    assert all(name in text for name in ("Firehose", "EventBridge Pipes", "Powertools", "original sample"))
    assert "    make demo" in first


def test_the_supported_versions_are_those_that_are_required_and_tested() -> None:
    page = (PROJECT / "SUPPORT.md").read_text()
    project = (PROJECT / "pyproject.toml").read_text()
    workflow = (PROJECT / ".github" / "workflows" / "test.yml").read_text()
    python = re.search(r'requires-python = ">=([\d.]+)"', project)
    plugin = re.search(r'"pulumi-aws>=([\d.]+),<(\d+)"', project)
    pythons = re.search(r'python: \["([\d.]+)", "([\d.]+)"\]', workflow)
    engines = re.search(r'pulumi: \["([\d.]+)", "([\d.]+)"\]', workflow)
    assert python
    assert plugin
    assert pythons
    assert engines
    assert f"| {python[1]} or later; the workflows test {pythons[1]} and {pythons[2]} |" in page
    assert f"| {engines[1]} or later; the workflows test that and {engines[2]} |" in page
    assert f"| {plugin[1]} or later, below {plugin[2]} |" in page
