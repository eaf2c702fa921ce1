"""An account that `bootstrap/` prepared, and the credentials that GitHub's jobs get in it."""

import subprocess
from pathlib import Path
from typing import Any

from local.aws.local_aws import LocalAws
from local.aws.server import REGION, ROOT_KEY
from local.job import job_environment
from tests.engine.stack import Project
from tests.forks import Forks

REPOSITORY = "octo/tweets"
Environment = dict[str, str]


class PreparedAccount:
    """A project folder whose stacks have their state in the account's bucket, each command under chosen credentials."""

    def __init__(self, folder: Path, aws: LocalAws, forks: Forks) -> None:
        self.aws = aws
        self.project = Project(folder, aws, forks)
        self._python = forks.python
        self.run(self.administrator(), "delivery", "account", REPOSITORY, "--yes")

    def administrator(self) -> Environment:
        """The credentials of the account's root, and no backend chosen."""
        return self._environment(AWS_ACCESS_KEY_ID=ROOT_KEY, AWS_SECRET_ACCESS_KEY=ROOT_KEY)

    def job(self, role: str, stack: str, subject: str) -> Environment:
        """The credentials of a job of the repository that assumed a role of a stack, and the stack's backend.

        Raises:
            ClientError: the role does not trust the job.
        """
        sts = self.aws.client("sts")
        return self._environment(**job_environment(sts, role, stack, f"repo:{REPOSITORY}:{subject}"))

    def run(self, environment: Environment, module: str, *arguments: str, fails: bool = False) -> str:
        """Run `python -m MODULE` in the project's folder; asserts that it succeeds, or fails where `fails`."""
        return self._run(environment, [self._python, "-m", module, *arguments], fails=fails).stdout

    def pulumi(self, environment: Environment, *arguments: str, fails: bool = False) -> str:
        """Run the CLI in the project's folder; asserts that it succeeds, or fails where `fails`."""
        ended = self._run(environment, ["pulumi", *arguments, "--non-interactive"], fails=fails)
        return ended.stdout + ended.stderr

    def allowed(self, role: str, stack: str) -> set[str]:
        """Return the actions that sessions of a role used."""
        found: list[str] = self.aws.request("GET", f"/_local/actions/stream-processing-{stack}-{role}")
        return set(found)

    def client(self, environment: Environment, service: str) -> Any:
        """Return a client with the credentials of a job."""
        return self.aws.client(
            service,
            access_key=environment["AWS_ACCESS_KEY_ID"],
            secret_key=environment["AWS_SECRET_ACCESS_KEY"],
            session_token=environment.get("AWS_SESSION_TOKEN"),
        )

    def _environment(self, **variables: str) -> Environment:
        inherited = self.project.engine.environment()
        # The stacks' own backend and keys, not those of `make engine`.
        del inherited["PULUMI_BACKEND_URL"], inherited["PULUMI_CONFIG_PASSPHRASE"]
        return inherited | {"AWS_ENDPOINT_URL": self.aws.endpoint, "AWS_REGION": REGION} | variables

    def _run(
        self, environment: Environment, command: list[str], *, fails: bool = False
    ) -> subprocess.CompletedProcess[str]:
        ended = subprocess.run(
            command,
            cwd=self.project.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert bool(ended.returncode) == fails, ended.stdout + ended.stderr
        return ended
