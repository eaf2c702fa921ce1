"""Fixtures of the producer's tests: a stream on loopback, and the producer as a process."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from local.stubs.http import serving
from local.stubs.kinesis import KinesisStub
from producer.config import KEYS, PREFIX, AwsCredentials
from producer.formats.tweets import Record
from producer.sources.source import Rejected
from stack.project import PROJECT
from tests.forks import Forks


def credentials(endpoint: str | None, region: str = "eu-west-1", stream: str = "tweets") -> AwsCredentials:
    """The producer's credentials for a stream double."""
    return AwsCredentials(
        access_key="AKIAEXAMPLE",
        secret_access_key="secret",
        region=region,
        stream_name=stream,
        endpoint=endpoint,
    )


class Stream(NamedTuple):
    """A stream double with its URL."""

    stub: KinesisStub
    url: str

    @property
    def ids(self) -> list[str]:
        """The ids of the stored tweets, in order."""
        return [json.loads(data)["id"] for _, data in self.stub.order]

    @property
    def aws(self) -> AwsCredentials:
        """The configuration of a producer for it."""
        return credentials(self.url)


@pytest.fixture
def stream() -> Iterator[Stream]:
    stub = KinesisStub()
    with serving(stub.answer) as url:
        yield Stream(stub, url)


def is_foreign(name: str) -> bool:
    """Tell whether an environment variable of the developer's shell would lead a producer elsewhere."""
    return name in KEYS or name.startswith((PREFIX, "AWS_"))


class Produced(NamedTuple):
    """Exit code and output of a producer."""

    code: int
    lines: list[str]
    log: list[dict[str, Any]]

    @property
    def messages(self) -> str:
        return "\n".join(entry["message"] for entry in self.log)

    @property
    def counts(self) -> dict[str, int]:
        """The numbers of events in the summary, without those of deletions if there are none."""
        summary = self.log[-1]
        assert summary["message"] == "summary"
        return {
            name: value
            for name, value in summary.items()
            if name not in {"time", "message", "text", "seconds", "retried", "spent"}
            and (value or name not in {"deletions", "left_out"})
        }


class Producer:
    """`python -m producer` with a configuration and a spool of its own."""

    def __init__(self, directory: Path, url: str, forks: Forks | None = None) -> None:
        self._forks = forks
        self.config = directory / "config.json"
        self.spool = directory / "spool"
        self._processes: list[subprocess.Popen[str]] = []
        self.configure(url)

    def configure(self, url: str, **values: str) -> None:
        aws = {"access_key": "AKIAEXAMPLE", "secret_access_key": "secret", "region": "eu-west-1"}
        self.config.write_text(json.dumps({**aws, "stream_name": "tweets", "aws_endpoint": url, **values}))
        self.config.chmod(0o600)

    def start(self, *arguments: str, program: tuple[str, ...] = ("-m", "producer")) -> subprocess.Popen[str]:
        command = [*program, *arguments, "--config", str(self.config)]
        environment = {name: value for name, value in os.environ.items() if not is_foreign(name)}
        pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        process: subprocess.Popen[str]
        if self._forks:
            process = self._forks.start(*command, env=environment, cwd=PROJECT, **pipes)
        else:
            python = sys.executable
            process = subprocess.Popen([python, *command], env=environment, cwd=PROJECT, text=True, **pipes)
        self._processes.append(process)
        return process

    def end(self, process: subprocess.Popen[str], text: str | None = None) -> Produced:
        """Pass the rest of its input, wait for its end, and parse its output."""
        out, err = process.communicate(text)
        log = [json.loads(line) if line.startswith("{") else {"message": line} for line in err.splitlines()]
        return Produced(process.returncode, out.splitlines(), log)

    def run(self, *arguments: str, text: str = "") -> Produced:
        return self.end(self.start(*arguments), text)

    def close(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.communicate()


@pytest.fixture
def producer(tmp_path: Path, stream: Stream, forks: Forks) -> Iterator[Producer]:
    with_stream = Producer(tmp_path, stream.url, forks)
    yield with_stream
    with_stream.close()


def tweet(number: int, username: str | None = None, **members: object) -> str:
    """A post of the v2 stream as one line of JSON."""
    author = username or f"author{number % 7}"
    data = {
        "id": str(number),
        "author_id": "1",
        "created_at": "2026-11-23T14:41:28.000Z",
        "text": f"tweet {number}",
        "lang": "en",
    }
    users = [{"id": "1", "name": author, "username": author}]
    return json.dumps({"data": data | members, "includes": {"users": users}}) + "\n"


def tweets(numbers: range) -> str:
    return "".join(tweet(number) for number in numbers)


class Fixed:
    """A source that yields what it was given."""

    position = input = spent = None

    def __init__(self, items: Iterable[Record | Rejected]) -> None:
        self._items = items

    def read(self) -> Iterator[Record | Rejected]:
        """Yield the items."""
        yield from self._items

    def close(self) -> None:
        """Nothing to release."""
