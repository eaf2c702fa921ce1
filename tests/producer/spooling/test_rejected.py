"""The file of rejected input: its lines, its limit, and the effect of a crash or a full disk."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producer.spooling import rejected
from producer.spooling.rejected import Input, RejectedFile, max_line, parse_line
from tests.producer.spooling.test_spool import full_disk


@pytest.fixture
def notes() -> list[str]:
    return []


@pytest.fixture
def file(tmp_path: Path, notes: list[str]) -> RejectedFile:
    return RejectedFile(tmp_path, notes.append)


def members(file: RejectedFile) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.path.read_bytes().splitlines()]


def bad(number: int, data: bytes | None = b"{bad") -> Input:
    return Input("/tmp/tweets.jsonl", number, data)


def test_a_line_has_the_reason_the_place_and_the_input_as_text_or_in_base64(file: RejectedFile) -> None:
    file.keep("not JSON", bad(1, '{"é'.encode()))
    file.keep("not JSON", bad(2, b"\xff"))
    file.keep("longer than 16 bytes", bad(3, None))

    place = {"source": "/tmp/tweets.jsonl"}
    assert members(file) == [
        {"reason": "not JSON", **place, "line": 1, "input": '{"é'},
        {"reason": "not JSON", **place, "line": 2, "input_base64": "/w=="},
        {"reason": "longer than 16 bytes: the input was not kept", **place, "line": 3, "input": None},
    ]
    assert file.path.stat().st_mode & 0o777 == 0o600


@given(st.binary() | st.text().map(str.encode) | st.none())
def test_a_line_is_read_as_the_input_that_was_kept(
    tmp_path_factory: pytest.TempPathFactory, data: bytes | None
) -> None:
    file = RejectedFile(tmp_path_factory.mktemp("spool"), pytest.fail)

    file.keep("a reason with a lone surrogate \ud800", bad(1, data))

    (line,) = file.path.read_bytes().splitlines()
    assert parse_line(line) == bad(1, data)
    assert len(line) <= max_line(len(data or b""))


def test_an_input_of_control_characters_is_not_longer_than_a_line_may_be(file: RejectedFile) -> None:
    file.keep("x" * 10_000, Input("\x01" * 4_096, 1, b"\x01" * 100_000))

    assert 600_000 < file.path.stat().st_size <= max_line(100_000)


@pytest.mark.parametrize("line", ["", "{", "[]", "{}", '{"source":"a","line":1,"input_base64":"?"}'])
def test_another_line_is_not_read(line: str) -> None:
    with pytest.raises(ValueError, match=r"rejected\.jsonl|base64"):
        parse_line(line.encode())


def test_half_a_line_of_a_crash_is_followed_by_a_whole_one(file: RejectedFile) -> None:
    file.keep("not JSON", bad(1))
    whole = file.path.read_bytes()
    file.path.write_bytes(whole + whole[:20])

    file.keep("not JSON", bad(2))

    first, half, second = file.path.read_bytes().splitlines()
    assert [parse_line(first), parse_line(second)] == [bad(1), bad(2)]
    with pytest.raises(ValueError, match="cut off"):
        parse_line(half)


def test_what_does_not_fit_is_counted_and_said_once(
    file: RejectedFile, notes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rejected, "MAX_BYTES", 1_000)

    for number in range(20):
        file.keep("not JSON", bad(number))

    kept = len(members(file))
    assert 0 < kept < 20
    assert file.path.stat().st_size <= 1_000
    assert len(notes) == 1
    assert file.shortfall == (
        f"{20 - kept} rejected inputs were not kept: {file.path} cannot be written: it has reached its limit of 1,000 "
        "bytes; move it elsewhere."
    )


def test_a_full_disk_cuts_no_line_and_ends_nothing(file: RejectedFile, notes: list[str]) -> None:
    with full_disk(1_000):
        for number in range(20):
            file.keep("not JSON", bad(number))
    file.keep("not JSON", bad(20))

    assert members(file)[-1]["line"] == 20
    assert len(notes) == 1
    assert "File too large" in notes[0]
    assert f"{21 - len(members(file))} rejected inputs were not kept" in str(file.shortfall)


def test_a_folder_that_cannot_be_written_ends_nothing(tmp_path: Path, notes: list[str]) -> None:
    file = RejectedFile(tmp_path / "missing", notes.append)

    file.keep("not JSON", bad(1))
    file.sync()

    assert notes == [f"Rejected input is not kept: {file.path} cannot be written: No such file or directory."]
    assert not file.advice


def test_a_file_that_was_moved_elsewhere_is_begun_again(file: RejectedFile, tmp_path: Path) -> None:
    file.keep("not JSON", bad(1))
    file.path.rename(tmp_path / "elsewhere")
    file.sync()

    file.keep("not JSON", bad(2))
    file.sync()

    assert [line["line"] for line in members(file)] == [2]


def test_the_file_itself_is_renamed_before_it_is_read(
    file: RejectedFile, notes: list[str], tmp_path: Path
) -> None:
    another = tmp_path / "another.jsonl"
    another.touch()
    for number in (1, 2):
        file.keep("not JSON", bad(number))

        aside = file.set_aside(str(file.path))

        assert aside == str(tmp_path / f"rejected.{number}.jsonl")
        assert parse_line(Path(aside).read_bytes()) == bad(number)
        assert not file.path.exists()
    assert [file.set_aside(name) for name in (str(another), "-")] == [str(another), "-"]
    assert len(notes) == 2
