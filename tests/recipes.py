"""`make recipes`: change clones as the documents say, and run the demo and the tests in each."""

import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from stack.project import ACCOUNT_SETTINGS, PROJECT

_VALUES = {
    "alarmEmail": "oncall@octo.dev",
    "kmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/0f7c2d2e-0000-4000-8000-000000000000",
    "kmsKeyArnPrevious": "arn:aws:kms:us-east-1:123456789012:key/1f7c2d2e-0000-4000-8000-000000000000",
    "permissionsBoundaryArn": "arn:aws:iam::123456789012:policy/stream-processing-dev-boundary",
    "streamArn": "arn:aws:kinesis:us-east-1:123456789012:stream/tweets-in",
    "streamKeyArn": "arn:aws:kms:us-east-1:123456789012:key/2f7c2d2e-0000-4000-8000-000000000000",
}


def _append(clone: Path, stack: str, settings: Mapping[str, str]) -> None:
    with (clone / f"Pulumi.{stack}.yaml").open("a") as file:
        file.writelines(f"  {key}: {value}\n" for key, value in settings.items())


def bind_to_an_account(clone: Path) -> None:
    """Set what an account has in both stacks, as `python -m delivery setup` and the README do."""
    for stack in ("dev", "prod"):
        _append(clone, stack, {key: _VALUES[key] for key in ACCOUNT_SETTINGS})


def rename(clone: Path) -> None:
    """Give the project another name, as `pulumi new` does."""
    file = clone / "Pulumi.yaml"
    file.write_text(re.sub("(?m)^name: .*$", "name: my-stream", file.read_text()))


def add_an_event(clone: Path) -> None:
    """Define the event of docs/your-own-events.md, and choose it."""
    page = (clone / "docs" / "your-own-events.md").read_text()
    (definition,) = re.findall(r"(?s)```python\n(\"\"\"Charging .*?)```", page)
    (clone / "event" / "types" / "charge.py").write_text(definition)
    _append(clone, "dev", {"eventType": "charge"})


RECIPES: Mapping[str, Callable[[Path], None]] = {
    "account": bind_to_an_account,
    "rename": rename,
    "event": add_an_event,
}


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(sorted(RECIPES)))
def main(names: tuple[str, ...]) -> None:
    """Run the named recipes, or all of them, each in a clone of the last commit; this takes minutes each."""
    failed = []
    for name in names or RECIPES:
        with tempfile.TemporaryDirectory() as folder:
            clone = Path(folder) / "clone"
            subprocess.run(["git", "clone", "--quiet", PROJECT, clone], check=True)
            RECIPES[name](clone)
            failed += [
                f"make {target} after the recipe {name}"
                for target in ("demo", "test")
                if subprocess.run(["make", target], cwd=clone, check=False).returncode
            ]
    if failed:
        sys.exit(f"Failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
