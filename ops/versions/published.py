"""The published versions of a function, and which of them is live."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ops.aws.error_codes import is_missing
from ops.aws.stack import Stack
from ops.errors import OptionsError, VersionError
from stack.aws.live_alias import LIVE, deployed_version

if TYPE_CHECKING:
    from mypy_boto3_lambda.type_defs import FunctionConfigurationTypeDef


@dataclass(frozen=True, slots=True)
class Version:
    """A published version: when, the SHA-256 of its archive (Base64, as AWS shows it) and its settings."""

    number: int
    published: datetime
    sha256: str
    settings: Mapping[str, str]

    def differences(self, other: "Version") -> Iterator[str]:
        """Yield each setting that another version has otherwise, with both values."""
        for name in sorted({*self.settings, *other.settings}):
            mine, theirs = self.settings.get(name, "none"), other.settings.get(name, "none")
            if mine != theirs:
                yield f"{name} {mine} → {theirs}"


@dataclass(frozen=True, slots=True)
class Live:
    """The version that is live, and the one that `pulumi up` set last, None if that is unknown."""

    number: int
    deployed: int | None

    @property
    def is_moved(self) -> bool:
        """Whether something else than `pulumi up` made the version live."""
        return self.number != self.deployed


def find_live(stack: Stack) -> Live | None:
    """Return what the alias says; None if there is none, as in a stack of release 1.0.0.

    Raises:
        OptionsError: somebody made the alias name `$LATEST`.
        botocore.exceptions.ClientError: the call is denied.
    """
    try:
        alias = stack.lambda_.get_alias(FunctionName=stack.output("function_name"), Name=LIVE)
    except ClientError as error:
        if is_missing(error):
            return None
        raise
    number, deployed = alias["FunctionVersion"], deployed_version(alias.get("Description", ""))
    if not number.isdecimal():
        raise OptionsError(
            f"The alias {LIVE} names {number}, which is not a version: aws lambda update-alias --function-name "
            f"{stack.output('function_name')} --name {LIVE} --function-version N"
        )
    return Live(int(number), int(deployed) if deployed else None)


def require_live(stack: Stack) -> Live:
    """Return what the alias says.

    Raises:
        VersionError: there is none.
        botocore.exceptions.ClientError: the call is denied.
    """
    live = find_live(stack)
    if live is None:
        raise VersionError(
            f"{stack.output('function_name')} has no alias {LIVE}, so it has no versions to go back to: `pulumi up` "
            "publishes the first one."
        )
    return live


def list_versions(stack: Stack) -> list[Version]:
    """Return the published versions, newest first.

    Raises:
        botocore.exceptions.ClientError: the call is denied, or there is no such function.
    """
    pages = stack.lambda_.get_paginator("list_versions_by_function").paginate(
        FunctionName=stack.output("function_name")
    )
    versions = [
        Version(
            int(each["Version"]),
            datetime.fromisoformat(each["LastModified"]),
            each["CodeSha256"],
            _settings(each),
        )
        for page in pages
        for each in page["Versions"]
        if each["Version"].isdecimal()
    ]
    return sorted(versions, key=lambda version: version.number, reverse=True)


def _settings(configuration: "FunctionConfigurationTypeDef") -> dict[str, str]:
    """Return what a version keeps besides its code, under the names of AWS and of the environment variables."""
    shown: dict[str, Any] = {
        "MemorySize": configuration.get("MemorySize"),
        "Timeout": configuration.get("Timeout"),
        "Architecture": ", ".join(configuration.get("Architectures", [])),
        "LogLevel": configuration.get("LoggingConfig", {}).get("ApplicationLogLevel"),
        "Tracing": configuration.get("TracingConfig", {}).get("Mode"),
        **configuration.get("Environment", {}).get("Variables", {}),
    }
    return {name: str(value) for name, value in shown.items() if value}
