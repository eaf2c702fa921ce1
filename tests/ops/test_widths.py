"""The commands' screens fit terminals of 60 to 140 columns; on a pipe nothing is cut or padded."""

import re

import pytest
from click.testing import CliRunner

from ops.cli import cli
from tests.ops.stack import DeployedStack, tweet
from tests.waiting import eventually
from tests.widths import check_width

_USER = "灯" * 20
_WIDE = "水上的灯比天上的星多一盏\u2026 \N{FAMILY}\ufe0f\N{WOMAN}\u200d\N{WOMAN} " * 12


@pytest.fixture(scope="module")
def shown(deployed: DeployedStack) -> DeployedStack:
    """The stack with a row of wide characters, long names, and an object in quarantine."""
    deployed.settle()
    deployed.put(tweet(_USER, text=_WIDE))
    deployed.put(b"not json")
    eventually(lambda: deployed.rows(_USER) and deployed.objects())
    return deployed


def check_screen(text: str, width: int) -> None:
    check_width(text, width)
    assert not [line for line in text.splitlines() if line != line.rstrip()]


@pytest.mark.parametrize("width", [60, 80, 140])
def test_a_stacks_screens_fit_the_terminal(shown: DeployedStack, width: int) -> None:
    for command in (
        ["status"],
        ["watch", "--once"],
        ["explore"],
        ["explore", "--user", _USER],
        ["explore", "--top"],
        ["versions"],
        ["quarantine", "list"],
    ):
        check_screen(shown.ops(*command, env={"COLUMNS": str(width)}).stdout, width)


@pytest.mark.parametrize("width", [60, 80, 100, 140])
@pytest.mark.parametrize("rate", ["10", "5000", "1000000"])
@pytest.mark.parametrize("command", ["cost", "size"])
def test_the_plans_fit_the_terminal_and_money_is_never_cut(command: str, rate: str, width: int) -> None:
    text = (
        CliRunner()
        .invoke(cli, [command, "--rate", rate, "--size", "5000"], env={"COLUMNS": str(width)})
        .stdout
    )
    check_screen(text, width)
    if command == "cost":
        # The last sentence has both sums, and so has the table.
        sums = re.findall(r"\$[\d,]+\.\d\d", text.rpartition("\n\n")[2])
        assert (
            re.findall(r"\$[\d,]+\.\d\d", next(ln for ln in text.splitlines() if ln.startswith("Sum")))
            == sums
        )
        marked = set(re.findall(r"\[\d\]", text.partition("Effect of other")[0]))
        assert {line[:3] for line in text.splitlines() if line.startswith("[")} == marked, (
            "each footnote marks something"
        )
        assert not re.search(r"\d\.\d{7}", text), "a price has few digits"
        assert " This stack " in text
        money = [
            line.split()[-1]
            for line in text.splitlines()
            if re.match(r"(Shards|Puts|Table storage) \[", line)
        ]
        assert all(re.fullmatch(r"[\d,]+\.\d\d", amount) for amount in money)


def test_on_a_pipe_a_row_is_whole_and_has_no_blanks_at_its_end(shown: DeployedStack) -> None:
    lines = shown.ops("explore", "--user", _USER, env={"COLUMNS": None}).stdout.splitlines()
    row = next(line for line in lines if _USER in line)
    assert row.count("水上的灯") == 12
    assert all(line == line.rstrip() for line in lines)
