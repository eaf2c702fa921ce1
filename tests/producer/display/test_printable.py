"""Text from outside is printed without control characters and with a limited length."""

import io
import json

import pytest
from rich.console import Console
from rich.live import Live

from producer.display.display import JsonDisplay, say
from producer.display.progress import Progress
from producer.display.terminal import TerminalDisplay
from producer.formats.tweets import Record
from producer.reader import Reader
from producer.sources.source import Rejected
from producer.spooling.cursor import Position
from producer.spooling.entry import StreamRecord
from stack.printing import MAX_MESSAGE_CHARACTERS
from tests.producer.conftest import Fixed

LINK, CLEAR, OVERRIDE, NEWLINE = "\x1b]8;;http://evil\x1b\\", "\x9b2J", "\u202e", "\n"
HOSTILE = f"{LINK}id{CLEAR}{OVERRIDE}{NEWLINE}"


def test_no_message_shows_a_password_of_a_url(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = "http://ada:secret@proxy"
    waiting = Progress(1, 0, 1, 0, 0, 0, 10.0, None, (), f"cannot reach {proxy}")
    terminal, screen = TerminalDisplay(proxy, live=False), io.StringIO()
    monkeypatch.setattr(terminal, "_console", Console(file=screen, width=400))
    monkeypatch.setattr(terminal, "_live", Live(console=terminal._console, auto_refresh=False))
    for display in (JsonDisplay(proxy, live=False), terminal):
        display.note(proxy)
        display.progress(waiting)
        display.end("sent 1", {}, [proxy])
    say(proxy)

    shown = capsys.readouterr().err + screen.getvalue()

    assert shown.count("http://proxy") >= 6
    assert "secret" not in shown


ITEMS: list[Record | Rejected] = [
    Rejected(f"post {HOSTILE}", f"no text in an object of {HOSTILE}"),
    Record("ada", HOSTILE + "x" * 3_000_000, "2026-11-23T14:41:28.000Z", "", None, "file"),
]


def forward_none(record: StreamRecord, position: Position | None) -> None:
    pytest.fail("a hostile item was forwarded")


def test_hostile_items_show_as_json_lines_of_bounded_length(capsys: pytest.CaptureFixture[str]) -> None:
    display = JsonDisplay(HOSTILE, live=False)
    Reader(Fixed(ITEMS), forward_none, None, display.note).run()
    display.end(HOSTILE, {"received": 2}, [HOSTILE])

    lines = capsys.readouterr().err.splitlines()

    assert len(lines) == 5
    assert all(line.isprintable() and len(line) < 2 * MAX_MESSAGE_CHARACTERS for line in lines)
    messages = [json.loads(line)["message"] for line in lines]
    assert messages[1] == f"Rejected post {HOSTILE}: no text in an object of {HOSTILE}"
    assert messages[2].endswith(": an id of 3,000,028 bytes; the table takes 1 to 1,024")


def test_hostile_items_cannot_command_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    display = TerminalDisplay(HOSTILE, live=False)
    screen = io.StringIO()
    monkeypatch.setattr(display, "_console", Console(file=screen, width=400))
    Reader(Fixed(ITEMS), forward_none, None, display.note).run()
    display.end("received 2", {}, [HOSTILE])

    shown = screen.getvalue()

    assert all(line.isprintable() for line in shown.splitlines())
    assert r"Rejected post \u001b]8;;http://evil\u001b\id\u009b2J\u202e\n: " in shown


@pytest.mark.parametrize("live", [True, False])
def test_only_a_live_source_has_a_lag(capsys: pytest.CaptureFixture[str], live: bool) -> None:
    display = JsonDisplay("", live=live)
    display.progress(Progress(1, 0, 1, 0, 0, 0, 10.0, "2006-03-21T20:50:14.000Z", (), None))

    assert ("lag" in json.loads(capsys.readouterr().err.splitlines()[-1])) == live
