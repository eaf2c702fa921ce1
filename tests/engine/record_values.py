"""Record what the engine makes of values in stack files, for the tests of the project's own reader of them.

    python -m tests.engine.record_values

Writes each row of `ROWS` and `FILES` to a stack file, runs a preview of a program that writes down its configuration,
and keeps the result in `tests/stack/engine_values.json`: what the program got, or that the engine rejected the file.
Run it once for each new version of the engine; it takes five minutes.
"""

import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from local.pulumi.engine import Engine
from stack.project import PROJECT

RECORDED = PROJECT / "tests" / "stack" / "engine_values.json"
PROJECT_NAME = "row"
STACK = "dev"
_VALUES = "values.json"
_DEFAULTS: Mapping[str, Any] = {"string": "unset", "integer": 0, "boolean": False, "object": {}}
_PROGRAM = f"""\
import json
from pathlib import Path

from pulumi.runtime.config import CONFIG, get_config, get_config_env

values = {{key: get_config(key) for key in {{**get_config_env(), **CONFIG.get()}}}}
Path({_VALUES!r}).write_text(json.dumps(values))
"""


ROWS: Sequence[tuple[str, str]] = (
    # booleans: PyYAML, which follows YAML 1.1, takes all of these for one
    *(("boolean", text) for text in ("true", "True", "TRUE", "false", "False", "FALSE", '"true"', "'false'")),
    *(("boolean", text) for text in ("yes", "Yes", "no", "on", "Off", "y", "1", "tRUE", '"yes"', "", "~")),
    *(("string", text) for text in ("yes", "no", "on", "off", "true", "False", "~", "null", '""', "")),
    # whole numbers
    *(("integer", text) for text in ("5", "+5", "-5", '"5"', "'+5'", '"007"', "0", "1_000", "1__0", "0_1")),
    *(("integer", text) for text in ("0x10", "0X1f", "-0x10", "010", "-010", "08", "0o17", "-0O17", "0b101")),
    *(("integer", text) for text in ("512.0", "5.", "1e3", "1E3", "1e+3", "1.5e1", "1e21", "-0.0", "1e400")),
    *(
        ("integer", text)
        for text in ("1.5", '"1.0"', '"1e3"', '"0x10"', "1:30", "12e", "two", "_1", "[1]", "")
    ),
    *(("integer", text) for text in ("9223372036854775807", "9223372036854775808", "18446744073709551616")),
    # text
    *(
        ("string", text)
        for text in ("5", "010", "0x10", "1e3", "512.0", "1_000", "1:30", "1:30:15", "0.5", ".5")
    ),
    *(
        ("string", text)
        for text in ("12:30", "1.10", "+.5", "-.5e1", ".", "-", "=", "1e", "0x", "0o8", "0b2", "1.2.3")
    ),
    *(
        ("string", text)
        for text in (".inf", "-.INF", ".nan", ".NaN", "!!str 5", "!!str yes", "{}", "[]", "a b", "&a b")
    ),
    *(
        ("string", text)
        for text in ('"a\\tb"', "'it''s'", "|\n    two\n    lines", ">-\n    one\n    line", "é", "0.0001")
    ),
    # dates
    *(
        ("string", text)
        for text in ("2026-11-28", "2026-1-2", "2026-11-28T10:00:00Z", "2026-11-28 10:00:00.5")
    ),
    *(("string", text) for text in ("2026-11-28T10:00:00+02:00", "2026-11-28t1:2:3-05:30", '"2026-11-28"')),
    *(
        ("string", text)
        for text in (
            "2026-13-45",
            "2026-02-30",
            "2026-11-28 10:00",
            "2026-11",
            "2026-11-28T10:00:00",
            "26-11-28",
        )
    ),
    # maps and lists
    *(
        ("object", text)
        for text in ("{Team: data}", "{}", "", "~", "[]", '"{}"', "data", "{Team: yes, Cost: 4711}")
    ),
    *(
        ("object", text)
        for text in ("{1: a, 2.5: b, true: c}", "{yes: a}", "{a: 1e3, b: 512.0, c: 1.5, d: 1e21}")
    ),
    *(
        ("object", text)
        for text in ("{a: <&>, b: é}", "{a: }", "{a: [1, {b: 010}]}", "{a: 1, a: 2}", "{1: a, '1': b}")
    ),
    *(
        ("object", text)
        for text in ("{secure: 5}", "{secure: x, other: y}", "{a: 2026-11-28}", "{2026-11-28: a}")
    ),
    ("object", "\n    Team: data\n    Cost: '4711'"),
    ("object", "\n    <<: {Team: data, Cost: one}\n    Cost: two"),
)
"""Declared type and YAML value."""

FILES: Sequence[tuple[str, str]] = (
    ("boolean", "config:\n  value: true\n"),
    ("boolean", "config:\n  row:config:value: true\n"),
    ("boolean", "config:\n  row:a:value: true\n"),
    ("boolean", "config:\n  row:value: true\n  row:value: false\n"),
    ("boolean", "\ufeffconfig:\n  row:value: true\n"),
    ("boolean", "config:\n  row:value: true\n---\nconfig:\n  row:value: false\n"),
    ("boolean", "common: &common\n  row:value: true\nconfig:\n  <<: *common\n"),
    ("boolean", "common: &common\n  row:value: true\nconfig:\n  row:value: false\n  <<: *common\n"),
    ("boolean", "config:\n  - row:value: true\n"),
    ("boolean", "- config\n"),
    ("boolean", "config:\n\trow:value: true\n"),
    ("boolean", "config:\n  row:value: true\n  other:key: [\n"),
    ("string", "config:\n  row:value: a # a comment\n"),
    ("string", "config: {'row:value': a}\n"),
    ("string", '{"config": {"row:value": "a"}}'),
    ("string", ""),
    ("string", "config:\n"),
    ("string", "config:\n  row:value: '''\n"),
    ("string", "other: a\n"),
)
"""Declared type and the whole stack file."""


class Witness:
    """A program of a few settings under the engine, which writes down what it gets."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "project"
        self.folder.mkdir()
        (self.folder / "__main__.py").write_text(_PROGRAM)
        self.engine = Engine.prepare(state=folder / "state", project=self.folder)
        self._declare({"value": "string"})
        assert self._run("stack", "init", STACK).returncode == 0

    def read(self, types: Mapping[str, str], file: str) -> dict[str, str] | None:
        """Return what the program gets for settings of the declared types, None if the engine rejects the file."""
        self._declare(types)
        (self.folder / f"Pulumi.{STACK}.yaml").write_text(file, encoding="utf-8")
        values = self.folder / _VALUES
        values.unlink(missing_ok=True)
        if self._run("preview", "--stack", STACK).returncode:
            assert not values.exists(), "the program failed, and not the engine"
            return None
        got: dict[str, str] = json.loads(values.read_text())
        return {name: got[f"{PROJECT_NAME}:{name}"] for name in types}

    def read_values(self, rows: Sequence[tuple[str, str]]) -> list[str] | None:
        """Return what the program gets for the values of one stack file, None if the engine rejects it."""
        types = {f"value{number}": kind for number, (kind, _) in enumerate(rows)}
        lines = [f"  {PROJECT_NAME}:{name}: {value}\n" for name, (_, value) in zip(types, rows, strict=True)]
        got = self.read(types, "config:\n" + "".join(lines))
        return None if got is None else [*got.values()]

    def read_file(self, kind: str, file: str) -> str | None:
        """Return what the program gets for the setting `value`, None if the engine rejects the file."""
        got = self.read({"value": kind}, file)
        return None if got is None else got["value"]

    def version(self) -> str:
        """Return the version of the engine."""
        return self._run("version").stdout.strip()

    def _declare(self, types: Mapping[str, str]) -> None:
        (self.folder / "Pulumi.yaml").write_text(json.dumps(project(types)))

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.engine.command(*arguments, "--non-interactive"),
            env=self.engine.environment(),
            capture_output=True,
            text=True,
            check=False,
        )


def project(types: Mapping[str, str]) -> dict[str, Any]:
    """Return the content of a `Pulumi.yaml` that declares settings of these types."""
    declared = {name: {"type": kind, "default": _DEFAULTS[kind]} for name, kind in types.items()}
    return {"name": PROJECT_NAME, "runtime": "python", "config": declared}


def record() -> None:
    """Write what this engine makes of each row."""
    with tempfile.TemporaryDirectory() as folder:
        witness = Witness(Path(folder))
        rows = ",\n".join(
            json.dumps({"type": kind, "file": file, "value": witness.read_file(kind, file)})
            for kind, file in stack_files()
        )
        RECORDED.write_text(f'{{"pulumi": "{witness.version()}", "rows": [\n{rows}\n]}}\n')


def stack_files() -> list[tuple[str, str]]:
    """Return declared type and stack file of every row."""
    return [*((kind, f"config:\n  {PROJECT_NAME}:value: {value}\n") for kind, value in ROWS), *FILES]


if __name__ == "__main__":
    record()
    print(f"Recorded {RECORDED.relative_to(PROJECT)}.")
