"""Prepares an account, its stacks and the GitHub repository for deployment by pull request.

    python -m delivery account OWNER/NAME     # with the credentials of an administrator, once
    python -m delivery stack dev              # once for each stack
    python -m delivery github --protect-main  # with a token of the repository's administrator

Each command may be repeated. The state of the bootstrap program is in the bucket that it creates, under
`bootstrap/`; until the bucket exists, in `delivery/bootstrap/.state/`, from where a repeated command resumes.
"""

import json
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import click
from botocore.config import Config
from botocore.exceptions import ClientError

from delivery.bootstrap import ISSUER, PREFIX
from delivery.workflows.github import GithubError, Repository
from stack.aws.credentials import open_session
from stack.aws.retries import RETRIES
from stack.errors import StackError
from stack.files.stack_file import read_stack_file
from stack.interrupts import uninterrupted
from stack.project import read_project, version

_CLIENTS = Config(retries=RETRIES)

FOLDER = Path(__file__).resolve().parent / "bootstrap"
FIRST_STATE = FOLDER / ".state"
STACK = "account"
CHECK = "tests"
"""The job of `.github/workflows/test.yml` that passes when all others passed."""
PASSPHRASE = "bootstrap"  # noqa: S105 # protects nothing: the state of this program holds no secret


@click.group(no_args_is_help=True, epilog="Exit codes: 0 done; 1 failed; 2 wrong usage or configuration.")
@click.version_option(version(), message="%(version)s")
def main() -> None:
    """Prepare an account, its stacks and the GitHub repository for deployment by pull request.

    Run account once, stack once for each stack, then github. Each may be repeated.
    """


@main.command()
@click.argument("repository")
@click.option(
    "--subject",
    metavar="PREFIX",
    help="Start of the subject of the repository's tokens, if it has ids: repo:octo@1234/tweets@5678.",
)
@click.option("--yes", is_flag=True, help="Do not ask before the account is changed.")
def account(repository: str, subject: str | None, yes: bool) -> None:
    """Deploy the bootstrap program for the GitHub repository OWNER/NAME, and keep its state in its bucket."""
    # Not after a run that ended while it moved the state: the copy here is still complete.
    moved = state_is_in_bucket() and not FIRST_STATE.exists()
    if not moved:
        FIRST_STATE.mkdir(exist_ok=True)
    backend = bucket_url() if moved else FIRST_STATE.as_uri()
    pulumi(backend, "stack", "select", "--create", STACK)
    set_config(backend, "aws:region", region())
    set_config(backend, "repository", repository)
    if subject is not None:
        set_config(backend, "subject", subject)
    if not is_set("githubProvider"):
        set_config(backend, "githubProvider", "existing" if has_github_provider() else "create")
    pulumi(backend, "up", "--stack", STACK, *(["--yes"] if yes else []))
    if not moved:
        move_state(backend)
    click.echo("Next: commit delivery/bootstrap/Pulumi.account.yaml, then python -m delivery stack dev")


@main.command()
@click.argument("name")
def stack(name: str) -> None:
    """Create the stack NAME with its state in the bucket, its secrets under its key, and its boundary."""
    bootstrap = outputs()
    stacks = bootstrap["stacks"]
    if name not in stacks:
        # All of them, because those that Pulumi.yaml names by default are not in the stack's file.
        commands = "".join(
            f"\n  python -m delivery pulumi config set --path 'stacks[{number}]' {each}"
            for number, each in enumerate([*stacks, name])
        )
        raise click.ClickException(
            f"bootstrap has no stack {name}, only {', '.join(stacks)}. To add it:{commands}\n"
            f"  python -m delivery account {bootstrap['repository']}"
        )
    access = stacks[name]
    backend, project = access["backend_url"], FOLDER.parent
    known = json.loads(pulumi(backend, "stack", "ls", "--json", folder=project, shown=False))
    if name not in {each["name"] for each in known}:
        init_stack(backend, name, access["secrets_provider"], project)
    set_config(backend, "aws:region", bootstrap["region"], name, project)
    set_config(backend, "permissionsBoundaryArn", access["permissions_boundary_arn"], name, project)
    click.echo(
        f"Next: commit Pulumi.{name}.yaml. For pulumi on this machine: export PULUMI_BACKEND_URL='{backend}'"
    )


@main.command()
@click.option(
    "--protect-main",
    is_flag=True,
    help="Let the branch change by approved pull requests whose tests passed, and by nothing else.",
)
def github(protect_main: bool) -> None:
    """Limit the repository's environments to the branch, and set the variable that the workflows read.

    Reads a token from GITHUB_TOKEN: GITHUB_TOKEN=$(gh auth token) python -m delivery github
    """
    bootstrap = outputs()
    try:
        repository = Repository.connect(bootstrap["repository"])
        reviewer = repository.user_id()
        for name in bootstrap["stacks"]:
            # Whoever may push a branch may name any environment in its workflow: only this limit keeps the deploy
            # role for reviewed code.
            reviewers = [] if name in bootstrap["pull_request_stacks"] else [reviewer]
            repository.protect_environment(name, branch=bootstrap["branch"], reviewers=reviewers)
        repository.set_variable("BOOTSTRAP", json.dumps(bootstrap))
        if protect_main:
            repository.protect_branch(bootstrap["branch"], check=CHECK)
        protected = protect_main or repository.requires_pull_requests(bootstrap["branch"])
    except GithubError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"Environments {', '.join(bootstrap['stacks'])} and the variable BOOTSTRAP are set.")
    if not protected:
        click.echo(
            f"Warning: no ruleset requires pull requests for {bootstrap['branch']}. Whoever may push to it can deploy "
            "without a review, and read the state and the secrets of every stack before any approval: "
            "python -m delivery github --protect-main",
            err=True,
        )


@main.command("pulumi", context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def run_pulumi(arguments: tuple[str, ...]) -> None:
    """Run the Pulumi CLI on the bootstrap program itself, for instance: pulumi config set protect false."""
    pulumi(bucket_url(), *arguments, "--stack", STACK)


def init_stack(backend: str, name: str, secrets_provider: str, project: Path) -> None:
    """Create a stack whose secrets are encrypted under its key; its file may name that key already."""
    try:
        pulumi(backend, "stack", "init", name, "--secrets-provider", secrets_provider, folder=project)
    except click.ClickException as error:
        file = project / f"Pulumi.{name}.yaml"
        if file.exists() and "encryptedkey:" in file.read_text():
            raise click.ClickException(
                f"{error.message}. {file.name} holds a data key: if it was created in another account, remove the "
                "lines secretsprovider and encryptedkey, and run this again"
            ) from error
        raise


@cache
def session() -> boto3.Session:
    """Return a session with the credentials of the environment or of the profile."""
    return open_session()


def region() -> str:
    """Return the region of the environment or of the profile."""
    name = os.environ.get("AWS_REGION") or session().region_name  # boto3 does not read AWS_REGION
    if not name:
        raise click.ClickException("no region is set: export AWS_REGION=us-east-1")
    return name


@cache
def account_id() -> str:
    """Return the id of the account whose credentials are used."""
    return session().client("sts", region_name=region(), config=_CLIENTS).get_caller_identity()["Account"]


def bucket_name() -> str:
    """Return the name that the program gives to the bucket."""
    return f"{PREFIX}-state-{account_id()}-{region()}"


def bucket_url() -> str:
    """Return the backend of the bootstrap program once its bucket exists."""
    return f"s3://{bucket_name()}/bootstrap?region={region()}"


def state_is_in_bucket() -> bool:
    """Tell whether the state was moved into the bucket; S3 denies access to one of that name in another account."""
    try:
        listing = (
            session()
            .client("s3", region_name=region(), config=_CLIENTS)
            .list_objects_v2(
                Bucket=bucket_name(),
                Prefix="bootstrap/.pulumi/stacks/",
                MaxKeys=1,
                ExpectedBucketOwner=account_id(),
            )
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchBucket":
            return False
        raise
    return bool(listing["KeyCount"])


def has_github_provider() -> bool:
    """Tell whether the account has GitHub's OpenID Connect provider."""
    providers = (
        session().client("iam", region_name=region(), config=_CLIENTS).list_open_id_connect_providers()
    )
    return any(each["Arn"].endswith(f"/{ISSUER}") for each in providers["OpenIDConnectProviderList"])


def move_state(first: str) -> None:
    """Move the state from this machine into the bucket."""
    with tempfile.TemporaryDirectory() as folder:
        exported = str(Path(folder) / "state.json")
        pulumi(first, "stack", "export", "--stack", STACK, "--file", exported)
        pulumi(bucket_url(), "stack", "select", "--create", STACK)
        pulumi(bucket_url(), "stack", "import", "--stack", STACK, "--file", exported)
    shutil.rmtree(FIRST_STATE)


def outputs() -> dict[str, Any]:
    """Return the outputs of the bootstrap program."""
    values: dict[str, Any] = json.loads(
        pulumi(bucket_url(), "stack", "output", "--json", "--stack", STACK, shown=False)
    )
    return values


def is_set(key: str) -> bool:
    """Tell whether the stack file of the bootstrap program has a key."""
    try:
        config = read_stack_file(FOLDER / f"Pulumi.{STACK}.yaml", read_project(FOLDER))
    except StackError as error:
        raise click.ClickException(str(error)) from error
    return f"{PREFIX}-bootstrap:{key}" in config


def set_config(backend: str, key: str, value: str, name: str = STACK, folder: Path = FOLDER) -> None:
    """Set a key in a stack's file."""
    pulumi(backend, "config", "set", key, value, "--stack", name, folder=folder)


def pulumi(backend: str, *arguments: str, folder: Path = FOLDER, shown: bool = True) -> str:
    """Run the Pulumi CLI in a folder; return what it wrote, unless that is shown.

    At Ctrl-C, which the terminal sends to both, the CLI first ends what it has begun.
    """
    environment = os.environ | {"PULUMI_BACKEND_URL": backend}
    if folder == FOLDER:
        environment["PULUMI_CONFIG_PASSPHRASE"] = PASSPHRASE
    try:
        with uninterrupted():
            ended = subprocess.run(
                ["pulumi", *arguments, "--cwd", str(folder)],
                env=environment,
                stdout=None if shown else subprocess.PIPE,
                text=True,
                check=True,
            )
    except FileNotFoundError as error:
        raise click.ClickException("`pulumi` is not on PATH: https://www.pulumi.com/docs/install/") from error
    except subprocess.CalledProcessError as error:
        raise click.ClickException(f"`pulumi {' '.join(arguments)}` failed") from error
    return ended.stdout or ""
