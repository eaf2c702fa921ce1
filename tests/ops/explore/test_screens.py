"""What a person sees of the table in a terminal."""

import sys

import pytest

from tests.ops.stack import DeployedStack, tweet
from tests.terminal import Terminal
from tests.waiting import eventually

_TEXT = "தமிழ் மொழி மிகவும் பழமையான மொழி, हिन्दी में एक लंबा वाक्य, বাংলা ভাষায় একটি দীর্ঘ বাক্য " * 3


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_rows_in_scripts_whose_marks_have_a_column_each_take_one_line_each(
    stack: DeployedStack, user: str, columns: int
) -> None:
    stack.put(*(tweet(user, number, text=_TEXT) for number in range(3)), key=user)
    eventually(lambda: len(stack.rows(user)) == 3)
    command = [sys.executable, "-m", "ops", "explore", "--user", user, *stack.options]
    with Terminal(command, columns=columns) as terminal:
        code, screen = terminal.ends()
    assert code == 0
    header, *rows = screen.splitlines()[:4]
    assert header.startswith("Created (UTC)        User")
    assert all(row.startswith("2026-11-23 14:41:28  user-") for row in rows)


def test_followed_rows_are_in_columns_with_a_heading(stack: DeployedStack, user: str) -> None:
    command = [sys.executable, "-m", "ops", "explore", "--follow", "--limit", "2", *stack.options]
    with Terminal(command) as terminal:
        terminal.shows("Created (UTC)        User             Message")
        number = 0

        def ended() -> bool:
            nonlocal number
            number += 1
            stack.put(tweet("a" * number, number, text=_TEXT if number == 1 else "short"))
            return terminal.process.poll() is not None

        eventually(ended)
        _, screen = terminal.ends()
    rows = [line for line in screen.splitlines() if line.startswith("2026-11-23 14:41:28  a")]
    assert len(rows) == 2
    assert all(row[36:38] == "  " and row[38] != " " for row in rows), rows
