"""Interrupts while modules are imported."""

import signal

import pytest

from local.interrupts import uninterrupted


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
