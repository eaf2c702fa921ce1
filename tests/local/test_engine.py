"""The name that release 1.0.0 had for the Pulumi CLI on local AWS."""

import subprocess
import sys

from stack.project import PROJECT


def test_the_old_name_of_the_engines_command_runs_it_and_says_the_new_one() -> None:
    old, new = (
        subprocess.run(
            [sys.executable, "-m", module, "version"],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
        )
        for module in ("local.engine", "local.pulumi.engine")
    )
    assert (old.returncode, old.stdout) == (new.returncode, new.stdout)
    assert old.stderr.startswith("python -m local.engine is python -m local.pulumi.engine now; 1.2.0 drops ")
