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


@pytest.mark.usefixtures("ctrl_c_ignored")
def test_ctrl_c_stays_ignored_in_a_scripts_background() -> None:
    with uninterrupted():
        signal.raise_signal(signal.SIGINT)
