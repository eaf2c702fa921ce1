"""Ctrl-C at a moment at which Python ignores it."""

import signal
import sys
import time
import weakref

import pytest

from stack.interrupts import heed_interrupts


@pytest.fixture(autouse=True)
def _heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    heed_interrupts()


class _Connection:
    def __init__(self, number: int) -> None:
        weakref.finalize(self, signal.raise_signal, number)


def test_ctrl_c_in_a_finalizer_stops_the_program() -> None:
    def close() -> None:
        connection = _Connection(signal.SIGINT)
        del connection
        time.sleep(60)

    with pytest.raises(KeyboardInterrupt):
        close()


def test_another_exception_in_a_finalizer_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    class Faulty:
        def __del__(self) -> None:
            raise ValueError("no such file")

    Faulty()
    assert "ValueError: no such file" in capsys.readouterr().err
