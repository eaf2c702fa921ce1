"""AWS credentials, found as the AWS CLI finds them; whatever is wrong with them is said in one line, with the remedy.

botocore retrieves credentials when a session starts, and renews them in the middle of a call. What fails on the
way raises what the sources of credentials raise: botocore's own errors, but also those of files, of JSON and of a
process.
"""

import json
import os
import shlex
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import boto3
import botocore.session
from botocore import exceptions
from botocore.client import BaseClient
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import BotoCoreError, ClientError

from stack.aws.causes import Cause, CredentialsError, describe, explain_clock, explain_network, find_cause

_STATIC: Final = ("explicit", "env")
"""Sources of credentials that a running process keeps, whatever happens outside."""
_TRANSIENT: Final = (Cause.NETWORK, Cause.SERVICE)

_SENTENCES: Final[tuple[tuple[tuple[type[Exception], ...], str], ...]] = (
    (
        (exceptions.ProfileNotFound,),
        "There is no profile {missing!r}: choose one that `aws configure list-profiles` lists.",
    ),
    (
        (exceptions.NoCredentialsError,),
        "No AWS credentials were found: sign in as for the AWS CLI (`aws login`), or set AWS_PROFILE.",
    ),
    (
        (exceptions.SSOTokenLoadError,),
        "Profile {source} is not signed in to SSO ({error}): run `aws sso login{option}`.",
    ),
    (
        (exceptions.SSOError, exceptions.TokenRetrievalError),
        "The SSO session of profile {source} has expired: run `aws sso login{option}`.",
    ),
    (
        (exceptions.LoginInsufficientPermissions,),
        "Profile {source} may not renew its sign-in: give its user the permission signin:CreateOAuth2Token.",
    ),
    (
        (exceptions.LoginError,),
        "Profile {source} is not signed in, or its session has expired: run `aws login{option}`.",
    ),
    (
        (exceptions.MissingDependencyException,),
        "Profile {source} signs in with `aws login`, for which a package is missing: run "
        "`{python} -m pip install 'botocore[crt]'`.",
    ),
    (
        (exceptions.RefreshWithMFAUnsupportedError,),
        "The session of profile {profile} has expired, and the next one needs an MFA code: start again to enter it.",
    ),
    (
        (exceptions.ConfigNotFound, exceptions.ConfigParseError),
        "{error}: fix the file, or name another one in AWS_CONFIG_FILE.",
    ),
    (
        (
            exceptions.InvalidConfigError,
            exceptions.PartialCredentialsError,
            exceptions.UnknownCredentialError,
        ),
        "The credentials of {whose} are incomplete or invalid ({error}): fix them until "
        "`aws sts get-caller-identity{check}` succeeds.",
    ),
)


def open_session(**options: str | None) -> boto3.Session:
    """Return `boto3.Session(**options)` once its credentials are there, if it has any.

    A network that is away, or AWS's own failure, is left to the calls.

    Raises:
        CredentialsError: they cannot be retrieved.
    """
    try:
        session = boto3.Session(**options)  # type: ignore[arg-type] # names and keys are strings
    except BotoCoreError as error:
        raise explain_retrieval(error, options.get("profile_name")) from error
    try:
        retrieve(session)
    except CredentialsError as error:
        if error.cause not in _TRANSIENT:
            raise
    return session


def retrieve(session: boto3.Session) -> ReadOnlyCredentials | None:
    """Return the credentials of a session, renewed if need be; None if it has none.

    Raises:
        CredentialsError: they cannot be retrieved.
    """
    try:
        credentials = session.get_credentials()
        return credentials.get_frozen_credentials() if credentials else None
    except Exception as error:
        raise explain_retrieval(error, session.profile_name) from error


def guard(client: BaseClient, session: boto3.Session) -> None:
    """Let each call of a client raise `CredentialsError` if credentials of the session must be renewed and cannot."""

    def renew(**_: object) -> None:
        retrieve(session)

    # The first event of a call: the next step may already read the account of the credentials.
    client.meta.events.register("provide-client-params", renew)


def explain_retrieval(error: Exception, profile: str | None) -> CredentialsError:
    """Explain an error that was raised while credentials were found, retrieved or renewed."""
    match find_cause(error):
        case Cause.NETWORK:
            return CredentialsError(explain_network(error), Cause.NETWORK)
        case Cause.CLOCK:
            return CredentialsError(explain_clock(error), Cause.CLOCK)
        case Cause.SERVICE:
            return CredentialsError(f"{describe(error)}.", Cause.SERVICE)
        case Cause.CREDENTIALS if isinstance(error, ClientError):
            return explain_expiry(profile)
    name = profile or current_profile()
    source, config = _source_profile(name)
    template = next((template for kinds, template in _SENTENCES if isinstance(error, kinds)), None)
    if template is None:
        template = _other_sentence(error, config)
    sentence = template.format(
        profile=name,
        source=source,
        option=_option(source),
        check=_option(name),
        whose="the environment" if _is_of_environment(error) else f"profile {name}",
        missing=getattr(error, "kwargs", {}).get("profile"),
        error=_reason(error),
        operation=getattr(error, "operation_name", ""),
        problem=_process_problem(error),
        sign_in=_sign_in_command(source, config),
        python=sys.executable,
    )
    return CredentialsError(sentence, is_final=isinstance(error, exceptions.RefreshWithMFAUnsupportedError))


def explain_expiry(profile: str | None, method: str | None = None) -> CredentialsError:
    """Explain that AWS calls a session token expired; `method` is botocore's name of its source."""
    if method in _STATIC:
        return CredentialsError(
            "The session token in the environment has expired: export new AWS_… variables, and start again.",
            is_final=True,
        )
    name = profile or current_profile()
    source, config = _source_profile(name)
    command = _sign_in_command(source, config)
    remedy = f"run `{command}`" if command else "renew them as you got them"
    return CredentialsError(f"The credentials of profile {name} have expired: {remedy}.")


def current_profile() -> str:
    """Return the name of the profile that the environment chooses."""
    return os.environ.get("AWS_PROFILE") or os.environ.get("AWS_DEFAULT_PROFILE") or "default"


def _other_sentence(error: Exception, config: Mapping[str, Any]) -> str:
    """Return the sentence for an error that has no type of its own."""
    if isinstance(error, ClientError):
        return (
            "Profile {profile} gets no credentials from {operation} ({error}): fix it until "
            "`aws sts get-caller-identity{check}` succeeds."
        )
    if "credential_process" in config:
        return (
            "The credential_process of profile {source} {problem} ({error}): run by hand what "
            "`aws configure get credential_process{option}` prints."
        )
    if _sign_in_command("default", config):
        return "The session of profile {source} cannot be renewed ({error}): run `{sign_in}`."
    if isinstance(error, OSError) and error.filename:
        return (
            "The credentials of profile {profile} need a file that cannot be read ({error}): check its path."
        )
    return (
        "The credentials of profile {profile} cannot be retrieved ({error}): fix them until "
        "`aws sts get-caller-identity{check}` succeeds."
    )


def _process_problem(error: Exception) -> str:
    if isinstance(error, exceptions.CredentialRetrievalError):
        return "fails"
    if isinstance(error, (AttributeError, KeyError, TypeError, UnicodeDecodeError, json.JSONDecodeError)):
        return "does not print the JSON that AWS defines"
    return "cannot be started"


def _reason(error: Exception) -> str:
    """Return what botocore's errors quote from elsewhere, or the whole message."""
    quoted = getattr(error, "kwargs", {}).get("error_msg")
    return describe(error) if quoted is None else " ".join(quoted.split()).rstrip(".") or "without a message"


def _source_profile(name: str) -> tuple[str, Mapping[str, Any]]:
    """Return the profile that another one takes its credentials from, if it assumes a role, with its settings."""
    profiles: Mapping[str, Any] = {}
    with suppress(BotoCoreError):
        profiles = botocore.session.get_session().full_config["profiles"]
    seen = {name}
    while (source := profiles.get(name, {}).get("source_profile", name)) not in seen:
        name = source
        seen.add(name)
    return name, profiles.get(name, {})


def _sign_in_command(profile: str, config: Mapping[str, Any]) -> str | None:
    if "login_session" in config:
        return f"aws login{_option(profile)}"
    if "sso_session" in config or "sso_start_url" in config:
        return f"aws sso login{_option(profile)}"
    return None


def _option(profile: str) -> str:
    return "" if profile == "default" else f" --profile {shlex.quote(profile)}"


def _is_of_environment(error: Exception) -> bool:
    return isinstance(error, exceptions.PartialCredentialsError) and error.kwargs["provider"] == "env"
