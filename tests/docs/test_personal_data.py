"""The page on personal data makes the tombstones of the rows that `explore --export` wrote."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from event.payload import parse
from event.types import event_types, load
from ops.explore.row import Row
from ops.terminal.exact_json import encode
from stack.project import PROJECT

PAGE = PROJECT / "docs" / "personal-data.md"


@pytest.mark.parametrize("event_type", event_types())
def test_an_export_becomes_the_tombstones_of_its_rows(event_type: str, tmp_path: Path) -> None:
    event = load(event_type)
    rows = [Row(event, event.read(parse(message.encode()))) for message in event.samples]
    export = tmp_path / "export.jsonl"
    export.write_text("".join(f"{encode(row.as_data())}\n" for row in rows))
    (script,) = re.findall(r"(?s)python - someone\.jsonl.*?END'\n(.*?)   END\n", PAGE.read_text())
    script = re.sub(r"(?m)^   ", "", script).replace('load("tweet")', f'load("{event_type}")')

    made = subprocess.run(
        [sys.executable, "-c", script, export], cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout

    assert made.splitlines() == [event.encode_tombstone(row.key).decode() for row in rows]
