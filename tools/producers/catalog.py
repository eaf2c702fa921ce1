"""The producers that are run: their pinned versions, and the commands that install and start them."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.install import FOLDER, Installation, virtual_environment

_PROGRAMS: Final = Path(__file__).parent / "programs"
_DEPENDENCY_PLUGIN: Final = "org.apache.maven.plugins:maven-dependency-plugin:3.11.0"
_PROTOBUF: Final = "protobuf==7.36.2"


@dataclass(frozen=True)
class Producer:
    """A producer that puts what it reads from standard input: a partition key, a tab and an event a line.

    Attributes:
        title: its name and version.
        command: the command that starts it, with the members of `Target` in braces.
        installation: of what the command needs.
        with_keys: False if its lines are the events alone.
    """

    title: str
    command: Sequence[str]
    installation: Installation | None = None
    with_keys: bool = True


@dataclass(frozen=True)
class Target:
    """Where a producer puts its events, besides the endpoint, the region and the credentials in its environment.

    Attributes:
        stream: its name.
        tls_port: the port of 127.0.0.1 on which AWS speaks TLS.
        certificate: that port's.
        config: the configuration of this project's own producer.
    """

    stream: str
    tls_port: int
    certificate: Path
    config: Path

    def fill(self, command: Sequence[str]) -> list[str]:
        """Put the members into a command."""
        return [part.format(**vars(self)) for part in command]


def _kpl(version: str) -> Producer:
    folder = FOLDER / f"kpl-{version}"
    pom = ("--file", str(_PROGRAMS / "pom.xml"), f"-Dkpl.version={version}")
    copy = (f"-DoutputDirectory={folder}/lib", f"{_DEPENDENCY_PLUGIN}:copy-dependencies")
    return Producer(
        f"KPL {version} (Java)",
        [
            *("java", "-cp", f"{folder}/lib/*", str(_PROGRAMS / "Kpl.java")),
            *("{stream}", "{tls_port}", "{certificate}", str(folder)),
        ],
        Installation(
            folder, [["mvn", "--batch-mode", "--quiet", *pom, *copy]], tools=["java", "mvn", "openssl"]
        ),
    )


def _kinesis_agg_npm(version: str, sdk: str) -> Producer:
    folder = FOLDER / f"aws-kinesis-agg-npm-{version}"
    options = ("--prefix", str(folder), "--silent", "--no-audit", "--no-fund", "--ignore-scripts")
    packages = (f"aws-kinesis-agg@{version}", f"@aws-sdk/client-kinesis@{sdk}")
    return Producer(
        f"aws-kinesis-agg {version} (npm)",
        [
            *("env", f"NODE_PATH={folder}/node_modules"),
            *("node", str(_PROGRAMS / "kinesis_agg.cjs"), "{stream}"),
        ],
        Installation(folder, [["npm", "install", *options, *packages]], tools=["node", "npm"]),
    )


def _in_python(title: str, program: str, arguments: Sequence[str], packages: Sequence[str]) -> Producer:
    environment = virtual_environment(*packages)
    python = environment.folder / "bin" / "python"
    return Producer(title, [str(python), str(_PROGRAMS / program), "{stream}", *arguments], environment)


def _kinesis_agg_pypi(version: str) -> Producer:
    packages = [f"aws-kinesis-agg=={version}", _PROTOBUF, "boto3==1.43.106"]
    return _in_python(f"aws-kinesis-agg {version} (PyPI)", "kinesis_agg.py", [], packages)


def _async_kinesis(version: str, processor: str) -> Producer:
    packages = [f"async-kinesis=={version}", "aiobotocore==3.10.0", "aws-kinesis-agg==1.2.3", _PROTOBUF]
    return _in_python(f"async-kinesis {version}, {processor}", "async_kinesis.py", [processor], packages)


REFERENCE: Final = Producer(
    "this project's",
    [sys.executable, "-m", "producer", "--config", "{config}", "--source", "file", "-"],
    with_keys=False,
)

PRODUCERS: Final = {
    "kpl": _kpl("1.1.0"),
    "kinesis-agg-npm": _kinesis_agg_npm("4.2.8", sdk="3.1143.0"),
    "kinesis-agg-pypi": _kinesis_agg_pypi("1.2.3"),
    "async-kinesis": _async_kinesis("3.0.1", "JsonProcessor"),
    "async-kinesis-lines": _async_kinesis("3.0.1", "JsonLineProcessor"),
    "async-kinesis-kpl": _async_kinesis("3.0.1", "KPLJsonProcessor"),
}
"""By the name on the command line."""
