"""The settings of every test."""

import signal
import subprocess
import sys

from stack.project import PROJECT


def test_commands_of_tests_can_be_interrupted_though_the_tests_run_in_a_scripts_background() -> None:
    command = "import signal, tests.conftest; signal.raise_signal(signal.SIGINT)"
    ended = subprocess.run(
        ["sh", "-c", 'trap \'\' INT; exec "$0" -c "$1"', sys.executable, command],
        cwd=PROJECT,
        capture_output=True,
        check=False,
    )
    assert ended.returncode == -signal.SIGINT
