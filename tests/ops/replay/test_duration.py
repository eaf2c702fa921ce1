"""What a replay says before it starts: how long it takes, and what has expired."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from event.record import iso
from local.stubs.http import serving
from local.stubs.stream import OUTPUTS, Stream
from ops.cli import cli

HOUR = 3600


def count(stream: Stream, tmp_path: Path, *options: str) -> Result:
    """Count the records that would be replayed, which says the same and sends nothing."""
    outputs = tmp_path / "outputs.json"
    outputs.write_text(json.dumps(OUTPUTS))
    with serving(stream.answer) as url:
        named = ["--outputs", str(outputs), "--endpoint", url]
        return CliRunner().invoke(cli, ["replay", "--dry-run", *options, *named])


def test_a_replay_that_takes_longer_than_the_stream_keeps_records_says_so_before_it_starts(
    tmp_path: Path,
) -> None:
    # An hour of a record a second is sent in an hour, one of 30 records a second in 30.
    result = count(Stream(2, rate=1, start=HOUR, end=60), tmp_path, "--from", "1h", "--rate", "1")
    assert result.exit_code == 0, result.output
    assert "would take" not in result.stderr

    result = count(Stream(1, rate=30, start=HOUR, end=60, size=50), tmp_path, "--from", "1h", "--rate", "1")
    assert "At --rate 1 this would take 30 h a shard; the stream keeps 24 h: records will" in result.stderr


@pytest.mark.parametrize("rate", [0.5, 0.001], ids=["sampled", "too quiet for a sample"])
def test_a_quiet_stream_is_no_reason_to_warn(tmp_path: Path, rate: float) -> None:
    result = count(Stream(1, rate=rate, start=HOUR, end=60), tmp_path, "--from", "1h", "--rate", "1")
    assert "would take" not in result.stderr


def test_the_range_begins_where_the_stream_still_has_its_records(tmp_path: Path) -> None:
    two_days_ago = datetime.now(UTC) - timedelta(days=2)
    result = count(Stream(1, rate=1, start=60), tmp_path, "--from", iso(two_days_ago), "--json")
    done = json.loads(result.stdout)
    begin = datetime.fromisoformat(done["from"])
    assert f"The stream keeps 24 h: records that arrived before {done['from']} have expired." in result.stderr
    length = datetime.fromisoformat(done["to"]) - begin
    assert timedelta(hours=23) < length < timedelta(hours=24, minutes=1)  # two looks at the clock
    assert done["missed_seconds"] == {}
