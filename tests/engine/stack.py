"""Stacks of the real program under the real Pulumi engine, each in a project folder of its own."""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from local.aws.local_aws import LocalAws
from local.pulumi.engine import Engine
from stack.files.stack_file import read_stack_file
from stack.project import PROJECT, full_key, read_project, without_account
from tests.forks import Forks

TWEET = json.dumps({"username": "mira", "id": "1", "created_at": None, "text": "hello"}).encode()
"""A record that the function stores. Local AWS evaluates alarms without their dimensions, so that a record which can
never be stored would fire the alarms of every test's stack."""

PROGRAM = (
    "Pulumi.yaml",
    "__main__.py",
    "event",
    "stack",
    "infra",
    "handler",
    "producer",
    "local",
    "ops",
    "delivery",
    "policy",
    "pyproject.toml",
)


@dataclass(frozen=True, kw_only=True)
class Result:
    """Result of a run of the CLI: exit code, output, and operation -> resource names, without `same`."""

    code: int
    text: str
    done: Mapping[str, set[str]]


LIBRARIES = (
    "boto3.s3.inject",
    "pip._internal.cli.main",
    "pip._internal.commands.list",  # of which the language host asks for the plugins, each time
    "pulumi.provider.experimental.server",
    "tomllib",
    "yaml",
    # This SDK imports a package when something of it is asked for.
    "pulumi_aws.cloudwatch:MetricAlarm",
    "pulumi_aws.dynamodb:Table",
    "pulumi_aws.iam:Role",
    "pulumi_aws.kinesis:Stream",
    "pulumi_aws.lambda_:Function",
    "pulumi_aws.s3:Bucket",
    "pulumi_aws.sns:Topic",
)
"""What the program, the AWS plugin and the language host import: more than half of a command's CPU time."""


@dataclass(frozen=True, kw_only=True)
class ForkingEngine(Engine):
    """An engine whose Python processes are forks: of the program, of the AWS plugin, of pip."""

    forks: Forks

    @classmethod
    def of(cls, engine: Engine, forks: Forks) -> "ForkingEngine":
        """Return an engine that was prepared, with forks."""
        for launcher in engine.home.glob("plugins/*/pulumi-resource-aws"):
            if not launcher.parent.parent.is_symlink():  # AWS's own
                launcher.write_text(launcher.read_text().replace(sys.executable, forks.python, 1))
        return cls(cli=engine.cli, state=engine.state, project=engine.project, forks=forks)

    def environment(self) -> dict[str, str]:
        return self.forks.first_on_path(super().environment())


class Project:
    """A copy of the program with a backend of its own, against a local AWS."""

    def __init__(self, folder: Path, aws: LocalAws, forks: Forks | None = None) -> None:
        self.folder = folder / "project"
        self.aws = aws
        self.folder.mkdir()
        for name in PROGRAM:
            source = PROJECT / name
            if source.is_dir():
                shutil.copytree(
                    source,
                    self.folder / name,
                    # With the bytecode, except what another process is just writing.
                    ignore=shutil.ignore_patterns("*.pyc.*", "config.json", "spool"),
                )
            else:
                shutil.copy(source, self.folder)
        (self.folder / ".venv").symlink_to(PROJECT / ".venv")
        engine = Engine.prepare(state=folder / "state", project=self.folder)
        self.engine = ForkingEngine.of(engine, forks) if forks else engine

    def add_stack_file(self, stack: str, like: str, config: Mapping[str, Any]) -> None:
        """Write a stack's file: the committed one of `like`, pointed at local AWS, with more keys."""
        local = yaml.safe_load((PROJECT / "Pulumi.local.yaml").read_text())["config"]
        provider = {key: value for key, value in local.items() if key.startswith("aws:")}
        provider["aws:endpoints"] = [
            dict.fromkeys(services, self.aws.endpoint) for services in provider["aws:endpoints"]
        ]
        committed = without_account(read_stack_file(PROJECT / f"Pulumi.{like}.yaml", read_project()))
        own = {full_key(key): value for key, value in config.items()}
        (self.folder / f"Pulumi.{stack}.yaml").write_text(
            yaml.safe_dump({"config": {**committed, **provider, **own}})
        )

    def stack(self, name: str, like: str = "local", **config: Any) -> "Stack":
        """Create a stack; nothing is deployed yet."""
        self.add_stack_file(name, like, config)
        stack = Stack(self, name)
        stack.run("stack", "init")
        return stack


class Stack:
    """One stack, operated by the CLI as a person would."""

    def __init__(self, project: Project, name: str) -> None:
        self.project = project
        self.name = name

    def run(self, *arguments: str, fails: bool = False) -> Result:
        """Run `pulumi ARGUMENTS` on this stack; asserts that it succeeds, or fails where `fails`."""
        engine = self.project.engine
        log = self.project.folder / "events.jsonl"
        log.unlink(missing_ok=True)
        event_log = (
            ["--event-log", str(log)] if arguments[0] in ("up", "destroy", "refresh", "preview") else []
        )
        ended = subprocess.run(
            engine.command(*arguments, "--stack", self.name, "--non-interactive", *event_log),
            # --event-log is one of the CLI's own debugging options.
            env=engine.environment() | {"PULUMI_DEBUG_COMMANDS": "true"},
            capture_output=True,
            text=True,
            check=False,
        )
        text = ended.stdout + ended.stderr
        assert bool(ended.returncode) == fails, text
        return Result(code=ended.returncode, text=text, done=_operations(log) if log.exists() else {})

    def up(self, *arguments: str, fails: bool = False) -> Result:
        """Deploy."""
        return self.run("up", "--yes", "--skip-preview", *arguments, fails=fails)

    def destroy(self, *, fails: bool = False) -> Result:
        """Remove everything, with the preview that a person sees and that fails on what is protected."""
        return self.run("destroy", "--yes", fails=fails)

    def configure(self, **config: Any) -> None:
        """Change keys in the stack's file, as `pulumi config set` does, but faster."""
        file = self.project.folder / f"Pulumi.{self.name}.yaml"
        settings = yaml.safe_load(file.read_text())
        settings["config"] |= {full_key(key): value for key, value in config.items()}
        file.write_text(yaml.safe_dump(settings))

    def outputs(self) -> dict[str, Any]:
        """The stack outputs, secrets in plain text."""
        shown = self.run("stack", "output", "--json", "--show-secrets").text
        outputs: dict[str, Any] = json.loads(shown)
        return outputs

    def state(self) -> str:
        """Return the state file as it is on disk."""
        folder = self.project.engine.backend / ".pulumi" / "stacks" / "stream-processing"
        return (folder / f"{self.name}.json").read_text()


def _operations(log: Path) -> dict[str, set[str]]:
    """Read the finished operations from the engine's event log; a replacement counts as its parts."""
    done: dict[str, set[str]] = {}
    for line in log.read_text().splitlines():
        event = json.loads(line)
        outcome = event.get("resOutputsEvent") or event.get("resourcePreEvent") or {}
        metadata = outcome.get("metadata", {"op": "same"})
        if metadata["op"] not in ("same", "read") and "pulumi:providers:" not in metadata["urn"]:
            done.setdefault(metadata["op"], set()).add(metadata["urn"].rsplit("::", 1)[1])
    return done
