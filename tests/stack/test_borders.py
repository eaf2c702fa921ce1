"""The imports of `stack/`, seen in a process of its own."""

import json
import subprocess
import sys

from stack.project import PROJECT

MODULES = sorted(
    f"stack.{module.stem}" for module in (PROJECT / "stack").glob("*.py") if module.stem != "__init__"
)
IMPORT = """
import importlib, json, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
print(json.dumps(sorted(sys.modules)))
"""


def test_no_module_of_the_stack_package_loads_the_sdk_of_pulumi() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", IMPORT, *MODULES], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    loaded = json.loads(ended.stdout)
    assert set(MODULES) <= set(loaded)
    assert not [name for name in loaded if name.partition(".")[0] in ("pulumi", "pulumi_aws")]
