"""What a run has cost is shown, if its source charges anything."""

import io
import json

import pytest
from rich.console import Console
from rich.live import Live

from producer.display.display import JsonDisplay
from producer.display.progress import Progress
from producer.display.terminal import TerminalDisplay


@pytest.mark.parametrize("spent", [None, 0.0, 4.5])
def test_the_progress_names_what_was_spent(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, spent: float | None
) -> None:
    terminal, screen = TerminalDisplay("", live=True), io.StringIO()
    monkeypatch.setattr(terminal, "_console", Console(file=screen, width=80, force_terminal=True))
    monkeypatch.setattr(terminal, "_live", Live(console=terminal._console, auto_refresh=False))
    numbers = Progress(1, 0, 1, 0, 0, 0, 10.0, "2006-03-21T20:50:14.000Z", (0.01,), None, spent)
    for display in (JsonDisplay("", live=True), terminal):
        display.progress(numbers)

    line = json.loads(capsys.readouterr().err.splitlines()[-1])
    assert (line.get("spent"), "spent" in line) == (spent, spent is not None)
    assert ("spent up to" in screen.getvalue()) == (spent is not None)
    if spent:
        assert "$4.50" in screen.getvalue()
