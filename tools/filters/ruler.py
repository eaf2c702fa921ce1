"""AWS's own matcher, event-ruler, run on patterns and documents."""

import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tools.install import FOLDER, Installation

VERSION: Final = "2.1.0"

_PROGRAMS: Final = Path(__file__).parent / "programs"
_FOLDER: Final = FOLDER / f"event-ruler-{VERSION}"
_DEPENDENCY_PLUGIN: Final = "org.apache.maven.plugins:maven-dependency-plugin:3.11.0"
_TIMEOUT_SECONDS: Final = 300

INSTALLATION: Final = Installation(
    _FOLDER,
    [
        [
            *(
                "mvn",
                "--batch-mode",
                "--quiet",
                "--file",
                str(_PROGRAMS / "pom.xml"),
                f"-Druler.version={VERSION}",
            ),
            *(f"-DoutputDirectory={_FOLDER}/lib", f"{_DEPENDENCY_PLUGIN}:copy-dependencies"),
        ]
    ],
    tools=["java", "mvn"],
)


class RulerError(Exception):
    """event-ruler failed; the message says why."""


def ask(questions: Iterable[tuple[str, str]]) -> list[str]:
    """Answer each pattern and document with true, false or rejected; raise RulerError if event-ruler fails."""
    lines = [json.dumps(question) for question in questions]
    result = subprocess.run(
        ["java", "-cp", f"{_FOLDER}/lib/*", str(_PROGRAMS / "Ruler.java")],
        input="".join(f"{line}\n" for line in lines),
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_SECONDS,
        check=False,
    )
    answers = result.stdout.split()
    if result.returncode or len(answers) != len(lines):
        raise RulerError(f"event-ruler {VERSION} ended with {result.returncode}:\n{result.stderr.strip()}")
    return answers
