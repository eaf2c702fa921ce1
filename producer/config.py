"""The producer's configuration: a JSON file, whose values environment variables such as PRODUCER_REGION override.

The AWS half is the output of `pulumi stack output --json --show-secrets`; the X half holds the credentials of
an X app. `python -m producer configure` writes the first and leaves the second unchanged.
"""

import json
import os
import re
import stat
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from event.limits import MAX_RAISED_RECORD_BYTES, MAX_RECORD_BYTES
from event.types import DEFAULT_EVENT_TYPE
from producer.errors import ConfigError

DEFAULT_PATH = Path(__file__).parent / "config.json"

STREAM_KEYS = ("region", "stream_name")
ACCESS_KEYS = ("access_key", "secret_access_key")
AWS_KEYS = (*ACCESS_KEYS, *STREAM_KEYS, "stream_arn")
STACK_KEYS = (*AWS_KEYS, "stream_account", "event_type", "max_record_kib")
"""What the stack's outputs give."""
X_KEYS = ("consumer_key", "consumer_secret", "access_token_key", "access_token_secret")
OPTIONAL_KEYS = ("bearer_token", "aws_endpoint", "x_endpoint", "bluesky_endpoint", "aws_profile")
KEYS = (*STACK_KEYS, *X_KEYS, *OPTIONAL_KEYS)
PREFIX = "PRODUCER_"
"""Prefix of the environment variables: a `REGION` meant for another program must not override the file."""

_FROM_THE_STACK = "run `python -m producer configure` to take it from the deployed stack"
_FROM_X = "copy it from your app at https://console.x.com (Keys and tokens) into the file"
_PULUMI_PLACEHOLDER = "[secret]"


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsCredentials:
    """The stream to write to, and the credentials for it.

    Attributes:
        access_key: None for boto3's default credential chain, of `profile` if that is given.
        stream_arn: None if the configuration is older than the stack's output of that name.
        stream_account: the owner of the stream, if that is not the stack's account.
        endpoint: None for AWS itself.
    """

    access_key: str | None
    secret_access_key: str | None = field(repr=False)
    region: str
    stream_name: str
    stream_arn: str | None = None
    stream_account: str | None = None
    profile: str | None = None
    endpoint: str | None = None

    @property
    def target(self) -> str:
        """Stream, region and endpoint, to print."""
        place = f" at {self.endpoint}" if self.endpoint else ""
        return f"stream {self.stream_name} in {self.region}{place}"

    @property
    def stream(self) -> dict[str, str]:
        """The argument that names the stream in a call: its name, or the ARN if it belongs to another account."""
        arn = self.stream_arn or ""
        if self.stream_account and arn.endswith(f":stream/{self.stream_name}"):
            return {"StreamARN": arn}
        return {"StreamName": self.stream_name}

    @property
    def spool_name(self) -> str:
        """Directory name of the stream's spool: events of one stream must never go to another.

        The ARN names the account, and does not change when the key is rotated.
        """
        if self.stream_arn is None:
            return self.legacy_spool_name
        return _directory_name(self.stream_arn, urlsplit(self.endpoint or "").netloc)

    @property
    def legacy_spool_name(self) -> str:
        """Directory name in release 1.0.0, which did not contain the account."""
        return _directory_name(self.stream_name, self.region, urlsplit(self.endpoint or "").netloc)


def _directory_name(*parts: str) -> str:
    return re.sub(r"[^\w.-]", "_", "_".join(filter(None, parts)))


@dataclass(frozen=True, slots=True)
class XCredentials:
    """The credentials of an X app; with a `bearer_token` the other four may be empty."""

    consumer_key: str
    consumer_secret: str = field(repr=False)
    access_token_key: str = field(repr=False)
    access_token_secret: str = field(repr=False)
    bearer_token: str | None = field(default=None, repr=False)


class Config:
    """Values by key; each half is validated when it is used, so that a run needs only its own.

    Attributes:
        path: the file; a name for it if the values come from elsewhere.
        overrides: the keys whose values come from the environment.
    """

    def __init__(self, path: Path | str, values: Mapping[str, object], overrides: Mapping[str, str]) -> None:
        self.path = path
        self.overrides = tuple(overrides)
        self._values = {**values, **overrides}

    def aws(self) -> AwsCredentials:
        """Return the AWS half. Without an access key, boto3's default credential chain applies.

        Raises:
            ConfigError: a value is missing, empty or not a string, or half of the access key is missing.
        """
        region, stream_name = (self._required(key, _FROM_THE_STACK) for key in STREAM_KEYS)
        access_key, secret = (self._text(key) for key in ACCESS_KEYS)
        if access_key or secret:
            access_key, secret = (self._required(key, _FROM_THE_STACK) for key in ACCESS_KEYS)
        return AwsCredentials(
            access_key=access_key,
            secret_access_key=secret,
            region=region,
            stream_name=stream_name,
            stream_arn=self._text("stream_arn"),
            stream_account=self._text("stream_account"),
            profile=self._text("aws_profile"),
            endpoint=self._endpoint("aws_endpoint"),
        )

    def x(self) -> XCredentials:
        """Return the X half: all four keys, or a `bearer_token`.

        Raises:
            ConfigError: a value is missing, empty or not a string.
        """
        bearer = self._text("bearer_token")
        values = {key: self._text(key) or "" if bearer else self._required(key, _FROM_X) for key in X_KEYS}
        return XCredentials(**values, bearer_token=bearer)

    @property
    def event_type(self) -> str:
        """The stack's event type; configurations of release 1.0.0, which name none, are of stacks of the default one.

        Raises:
            ConfigError: the value is not a string.
        """
        return self._text("event_type") or DEFAULT_EVENT_TYPE

    @property
    def max_record_bytes(self) -> int:
        """The stream's limit of a record; configurations of release 1.0.0, which name none, have Kinesis's default.

        Raises:
            ConfigError: the value is not a number that a stream's limit may have.
        """
        lowest, highest = MAX_RECORD_BYTES // 1024, MAX_RAISED_RECORD_BYTES // 1024
        value = self._text("max_record_kib") or str(lowest)
        if not (value.isdecimal() and lowest <= int(value) <= highest):
            raise ConfigError(
                f"`max_record_kib` in {self._place('max_record_kib')} is {value}, but a stream's limit is {lowest:,} "
                f"to {highest:,} KiB: {_FROM_THE_STACK}."
            )
        return int(value) * 1024

    @property
    def x_endpoint(self) -> str | None:
        """URL of the X API if it is not X itself, such as `http://127.0.0.1:8080`."""
        return self._endpoint("x_endpoint")

    @property
    def bluesky_endpoint(self) -> str | None:
        """Address of a Jetstream other than Bluesky's own, such as `wss://jetstream.example.com/subscribe`.

        Raises:
            ConfigError: it is not the address of a websocket.
        """
        value = self._endpoint("bluesky_endpoint")
        if value and not re.match(r"wss?://[^/]", value):
            raise ConfigError(
                f"`bluesky_endpoint` in {self._place('bluesky_endpoint')} is `{value}`: give the address of a "
                "Jetstream, such as wss://jetstream2.us-west.bsky.network/subscribe, or leave it out."
            )
        return value

    def _endpoint(self, key: str) -> str | None:
        """Return a URL that may be printed.

        Raises:
            ConfigError: it contains a user name or a password, which no service accepts in a URL.
        """
        value = self._text(key)
        if value and "@" in value:
            raise ConfigError(
                f"`{key}` in {self._place(key)} contains a user name or a password, which would be printed "
                "and not sent: remove the part between // and the @, and the @."
            )
        return value

    def _required(self, key: str, remedy: str) -> str:
        value = self._text(key)
        if value is None:
            state = "empty" if key in self._values else "missing"
            raise ConfigError(
                f"`{key}` is {state} in {self._place(key)}: {remedy}, or set the environment variable "
                f"{variable_name(key)}."
            )
        return value

    def _place(self, key: str) -> str:
        return variable_name(key) if key in self.overrides else str(self.path)

    def _text(self, key: str) -> str | None:
        value = self._values.get(key)
        if value is None:
            return None
        if not isinstance(value, str):
            raise ConfigError(f"`{key}` in {self.path} must be a string: put it in quotation marks.")
        if value == _PULUMI_PLACEHOLDER:
            raise ConfigError(
                f"`{key}` in {self._place(key)} is Pulumi's placeholder for a secret: run "
                "`python -m producer configure`, or `pulumi stack output --json --show-secrets`."
            )
        return value.strip() or None


def load(path: Path, environ: Mapping[str, str], notify: Callable[[str], None]) -> Config:
    """Read the file, if it exists, and the environment; restrict the permissions of a file that others can read.

    Raises:
        ConfigError: the file cannot be read or is not a JSON object, or a variable's name is invalid.
    """
    overrides = _overrides(environ)
    values = read_file(path)
    if values:
        _restrict_permissions(path, notify)
    return Config(path, values, overrides)


def variable_name(key: str) -> str:
    """Return the environment variable that overrides a key."""
    return PREFIX + key.upper()


def _overrides(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the values in the environment, by key.

    Raises:
        ConfigError: a variable has the name of release 1.0.0, or its key is unknown. If it were ignored, events
            might go to another stream than the user expects.
    """
    old = [key for key in KEYS if key in environ]
    if old:
        raise ConfigError(
            f"The producer's environment variables now begin with {PREFIX}: unset {', '.join(old)}, or "
            f"rename to {', '.join(map(variable_name, old))}."
        )
    variables = {name: name.removeprefix(PREFIX).lower() for name in environ if name.startswith(PREFIX)}
    unknown = [name for name, key in variables.items() if key not in KEYS]
    if unknown:
        raise ConfigError(
            f"{', '.join(unknown)} is not a setting of the producer: unset it, or rename it to one of "
            f"{', '.join(map(variable_name, KEYS))}."
        )
    return {key: environ[name] for name, key in variables.items()}


def read_file(path: Path) -> dict[str, object]:
    """Read the file's values; empty if it does not exist.

    Raises:
        ConfigError: the file cannot be read, or is not a JSON object.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            f"{path} is not JSON ({error}): fix it, or delete it and run `python -m producer configure`."
        ) from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path} must contain a JSON object, as `pulumi stack output --json` writes it.")
    return values


def write_file(path: Path, values: Mapping[str, object]) -> None:
    """Replace the file atomically, readable by its owner only.

    Raises:
        ConfigError: the file cannot be written.
    """
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)  # created with mode 0600
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(values, file, indent=2)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except OSError as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise ConfigError(f"{path} cannot be written: {error.strerror}.") from error


def _restrict_permissions(path: Path, notify: Callable[[str], None]) -> None:
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO) == 0:
        return
    try:
        path.chmod(0o600)
    except OSError as error:
        notify(
            f"{path} contains secrets and is readable by others: run `chmod 600` on it ({error.strerror})."
        )
    else:
        notify(f"{path} contains secrets and was readable by others: restricted its permissions to 0600.")
