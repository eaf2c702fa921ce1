"""Ctrl-C that is delayed, and Ctrl-C at a moment at which Python ignores it."""

import signal
import sys
import time
import weakref

import pytest

from stack.interrupts import heed_interrupts, uninterrupted


@pytest.fixture
def heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    heed_interrupts()


class _Connection:
    def __init__(self, number: int) -> None:
        weakref.finalize(self, signal.raise_signal, number)


@pytest.mark.usefixtures("heeded")
def test_ctrl_c_in_a_finalizer_stops_the_program() -> None:
    def close() -> None:
        connection = _Connection(signal.SIGINT)
        del connection
        time.sleep(60)

    with pytest.raises(KeyboardInterrupt):
        close()


@pytest.mark.usefixtures("heeded")
def test_another_exception_in_a_finalizer_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    class Faulty:
        def __del__(self) -> None:
            raise ValueError("no such file")

    Faulty()
    assert "ValueError: no such file" in capsys.readouterr().err


def test_ctrl_c_is_delayed_to_the_end_of_the_block() -> None:
    steps: list[str] = []

    def import_modules() -> None:
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            steps.append("imported")
        steps.append("after the block")

    with pytest.raises(KeyboardInterrupt):
        import_modules()
    assert steps == ["imported"]


def test_the_block_sees_an_interrupt_that_waits_and_an_error_of_its_own_does_not_hide_it() -> None:
    seen: list[int] = []

    def fail() -> None:
        with uninterrupted() as interrupts:
            signal.raise_signal(signal.SIGTERM)
            seen.extend(interrupts)
            raise ValueError

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert seen == [signal.SIGTERM]


@pytest.mark.usefixtures("ctrl_c_ignored")
def test_ctrl_c_stays_ignored_in_a_scripts_background() -> None:
    with uninterrupted():
        signal.raise_signal(signal.SIGINT)
