"""`python -m local start` and `stop`, at a port that the system picks."""

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from local import background


@pytest.fixture
def port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A free port instead of the usual one, and files of the test's own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free: int = probe.getsockname()[1]
    monkeypatch.setattr(background, "DEFAULT_PORT", free)
    monkeypatch.setattr(background, "PROJECT", tmp_path)
    monkeypatch.setattr(background, "LOG", tmp_path / "local.log")
    monkeypatch.setattr(background, "PID", tmp_path / "local.pid")
    monkeypatch.setenv("PYTHONPATH", str(Path(background.__file__).parent.parent))
    yield free
    CliRunner().invoke(background.stop)


def test_local_aws_in_the_background_answers_until_it_is_stopped(port: int) -> None:
    started = CliRunner().invoke(background.start)
    assert f"answers at http://127.0.0.1:{port}" in started.output, started.output
    pid = int(background.PID.read_text())
    assert "already running" in CliRunner().invoke(background.start).output

    assert "has stopped" in CliRunner().invoke(background.stop).output
    with pytest.raises(ConnectionError), socket.create_connection(("127.0.0.1", port)):
        pytest.fail("something still listens")
    with pytest.raises(ProcessLookupError):
        os.kill(os.waitpid(pid, 0)[0], 0)
    assert "is not running" in CliRunner().invoke(background.stop).output


def test_ctrl_c_during_the_start_leaves_nothing_in_the_background(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt_once_it_runs() -> bool:
        if background.PID.exists():
            signal.raise_signal(signal.SIGINT)
        return False

    monkeypatch.setattr(background, "_answers", interrupt_once_it_runs)
    assert CliRunner().invoke(background.start).output == "\nAborted!\n"
    assert os.waitpid(int(background.PID.read_text()), 0)
    assert "is not running" in CliRunner().invoke(background.stop).output


def test_a_process_id_that_nobody_locks_is_left_alone(port: int) -> None:
    background.PID.write_text(str(os.getpid()))
    assert "is not running" in CliRunner().invoke(background.stop).output


def test_a_port_that_another_server_has_is_named(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "_answers", lambda: True)
    failed = CliRunner().invoke(background.start)
    assert failed.exit_code == 1
    assert f"port {port} is in use" in failed.output
