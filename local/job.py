"""Prints the variables of a shell that works on local AWS: as its administrator, or as a job of GitHub."""

import base64
import json
from typing import TYPE_CHECKING

import click

from delivery.bootstrap import ISSUER, PREFIX
from local.aws.server import ACCOUNT, DEFAULT_PORT, REGION, ROOT_KEY
from local.errors import NoEngineError
from local.session import aws_variables, exports
from stack.aws.retries import RETRIES
from stack.outputs import BUILT_CLI, built_cli_environment
from stack.project import PROJECT

if TYPE_CHECKING:
    from mypy_boto3_sts import STSClient

ENDPOINT = f"http://127.0.0.1:{DEFAULT_PORT}"
# The backend and the passphrase are the stacks' own, not those of `local.pulumi.engine`.
OWN = ("PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE")


def _without_password(_context: click.Context, _option: click.Parameter, value: str) -> str:
    if "@" in value:
        raise click.BadParameter("it holds a user name or a password: remove everything up to the @.")
    return value


at_endpoint = click.option(
    "--endpoint",
    callback=_without_password,
    envvar="AWS_ENDPOINT_URL",
    default=ENDPOINT,
    show_default=True,
    help="Where local AWS answers.",
)


@click.command()
@at_endpoint
def env(endpoint: str) -> None:
    """Print the variables for the Pulumi CLI and local AWS: eval "$(python -m local env)".

    The stacks are those that `python -m delivery stack` gave a backend. `python -m local.pulumi.engine` is the Pulumi
    CLI for the others, such as `local`.
    """
    from local.pulumi.engine import Engine  # slow to import, and the other commands do not need it

    try:
        Engine.prepare()
    except NoEngineError as error:
        raise click.ClickException(str(error)) from error
    variables = {name: value for name, value in built_cli_environment().items() if name not in OWN}
    variables |= aws_variables(endpoint)
    click.echo(f'export PATH="{PROJECT / ".venv" / "bin"}:{BUILT_CLI}:$PATH"')
    print_exports(variables)
    click.echo(f"unset AWS_SESSION_TOKEN AWS_PROFILE {' '.join(OWN)}")


@click.command()
@click.argument("role", type=click.Choice(["deploy", "preview"]))
@click.argument("stack")
@click.option(
    "--repository", default="octo/tweets", show_default=True, help="The repository that runs the job."
)
@click.option("--subject", help="The job, as in GitHub's token.  [default: environment:STACK, or main]")
@at_endpoint
def job(role: str, stack: str, repository: str, subject: str | None, endpoint: str) -> None:
    """Print the credentials of a job of GitHub that assumed a role: eval "$(python -m local job deploy dev)"."""
    from botocore.exceptions import BotoCoreError, ClientError

    subject = subject or (f"environment:{stack}" if role == "deploy" else "ref:refs/heads/main")
    try:
        print_exports(job_environment(_sts(endpoint), role, stack, f"repo:{repository}:{subject}"))
    except ClientError as error:
        raise click.ClickException(
            f"{PREFIX}-{stack}-{role} does not trust repo:{repository}:{subject}: {error}"
        ) from error
    except (BotoCoreError, ValueError) as error:  # the latter: it is no URL
        raise click.ClickException(
            f"local AWS does not answer at {endpoint}: start it with `python -m local start`, or give --endpoint"
        ) from error


def print_exports(variables: dict[str, str]) -> None:
    """Print variables for a POSIX shell."""
    for export in exports(variables):
        click.echo(export)


def job_environment(sts: "STSClient", role: str, stack: str, subject: str) -> dict[str, str]:
    """Assume a role of a stack as a job of GitHub; return the credentials and the stack's backend.

    Raises:
        ClientError: the role does not trust the job.
    """
    assumed = sts.assume_role_with_web_identity(
        RoleArn=f"arn:aws:iam::{ACCOUNT}:role/{PREFIX}-{stack}-{role}",
        RoleSessionName="job",
        WebIdentityToken=web_identity(subject),
    )["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": assumed["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": assumed["SecretAccessKey"],
        "AWS_SESSION_TOKEN": assumed["SessionToken"],
        "PULUMI_BACKEND_URL": f"s3://{PREFIX}-state-{ACCOUNT}-{REGION}/{stack}?region={REGION}",
    }


def web_identity(subject: str) -> str:
    """Return a token as GitHub issues it to a job; local AWS reads its claims and no signature."""

    def encode(claims: dict[str, str]) -> str:
        return base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()

    claims = {"iss": f"https://{ISSUER}", "aud": "sts.amazonaws.com", "sub": subject}
    return f"{encode({'alg': 'RS256'})}.{encode(claims)}.{encode({})}"


def _sts(endpoint: str) -> "STSClient":
    import boto3
    from botocore.config import Config

    return boto3.client(
        "sts",
        region_name=REGION,
        endpoint_url=endpoint,
        aws_access_key_id=ROOT_KEY,
        aws_secret_access_key=ROOT_KEY,
        config=Config(retries=RETRIES),
    )
