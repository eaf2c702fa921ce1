"""The base class of the resource types: what is common to them all."""

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping
from hashlib import sha256
from typing import Any, ClassVar

from botocore.exceptions import ClientError

from local.pulumi.provider.aws import Aws
from local.pulumi.provider.schema import Inputs, InvalidError, checked, unknown

# Input or output properties by their Pulumi names (camelCase), plain values, `id` among the outputs.
Properties = dict[str, Any]

# Error codes for a resource that does not exist (S3's HEAD has only a status).
NOT_FOUND = {
    "404",
    "DashboardNotFoundError",
    "NoSuchBucket",
    "NoSuchBucketPolicy",
    "NoSuchEntity",
    "NoSuchLifecycleConfiguration",
    "NoSuchPublicAccessBlockConfiguration",
    "NotFound",
    "NotFoundException",
    "OwnershipControlsNotFoundError",
    "ResourceNotFound",
    "ResourceNotFoundException",
    "ServerSideEncryptionConfigurationNotFoundError",
}


class NotFoundError(LookupError):
    """The resource does not exist, and AWS says so by an empty list instead of an error."""


def is_not_found(error: Exception) -> bool:
    """Tell whether an error of AWS means that the resource does not exist."""
    if isinstance(error, ClientError):
        return error.response["Error"]["Code"] in NOT_FOUND
    return isinstance(error, NotFoundError)


class Resource(ABC):
    """One resource type of the aws provider: the engine's operations, carried out with boto3.

    A type implements the `..._resource` methods, which make the calls to AWS.

    Attributes:
        token: The type's Pulumi token.
        inputs: Every input property that is accepted; any other is an error.
        named_by: The input that gets a generated name where the program gives none.
        configured_after: Inputs that AWS takes only once the resource exists, through `update`.
        volatile: Outputs that an update may change.
        secret: Outputs that are secrets.
    """

    token: ClassVar[str]
    inputs: ClassVar[Inputs]
    named_by: ClassVar[str | None] = None
    configured_after: ClassVar[Collection[str]] = ()
    volatile: ClassVar[Collection[str]] = ()
    secret: ClassVar[Collection[str]] = ()

    def __init__(self, aws: Aws) -> None:
        self.aws = aws

    @abstractmethod
    def create_resource(self, inputs: Properties) -> Properties:
        """Create it by one call; return its `id`, and what AWS returns only at creation."""

    def settle(self, id_: str) -> None:  # noqa: B027 # most are there at once
        """Wait until the resource is ready to use."""

    @abstractmethod
    def read_resource(self, id_: str, known: Properties) -> Properties:
        """Read inputs and outputs from AWS. Raises AWS's not-found error if it does not exist.

        `known` is the last known state, for properties that AWS does not return.
        """

    @abstractmethod
    def update_resource(self, id_: str, inputs: Properties, changed: Collection[str]) -> None:
        """Set the changed inputs, none of which forces a replacement, to their new values."""

    @abstractmethod
    def delete_resource(self, id_: str, state: Properties) -> None:
        """Delete it. Raises AWS's not-found error if it no longer exists."""

    # The engine's operations.

    def check(
        self, name: str, inputs: Mapping[str, Any], before: Mapping[str, Any] | None = None, seed: bytes = b""
    ) -> tuple[Properties, list[InvalidError]]:
        """Return the inputs in canonical form, with defaults and a generated name, and their errors.

        `before` are the inputs of the last deployment, whose generated name stays; the same `seed` generates
        the same name in preview and update.
        """
        wrong = [InvalidError(key, unknown(self.inputs)) for key in inputs if key not in self.inputs]
        canonical: Properties = {}
        for key, kind in self.inputs.items():
            value = inputs.get(key)
            if value is None and key == self.named_by and f"{key}Prefix" not in inputs:
                value = (before or {}).get(key) or f"{name}-{_suffix(seed)}"
            try:
                value = checked(kind, key, value)
            except InvalidError as error:
                wrong.append(error)
            if value is not None:
                canonical[key] = value
        if not wrong:
            wrong = [InvalidError(key, reason) for key, reason in self.contradictions(canonical)]
        return canonical, wrong

    def contradictions(self, _inputs: Properties) -> Iterable[tuple[str, str]]:
        """Yield inputs that AWS does not accept together, each with the reason."""
        return ()

    def diff(self, state: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, bool]:
        """Return the inputs that differ from the state, and whether each forces a replacement."""
        return {
            key: kind.replaces
            for key, kind in self.inputs.items()
            if not self.unchanged(key, state, inputs.get(key))
        }

    def unchanged(self, key: str, state: Mapping[str, Any], wanted: Any) -> bool:
        """Tell whether the state already has the wanted value of an input."""
        return self.inputs[key].unchanged(state.get(key), wanted)

    def create(self, inputs: Properties) -> Properties:
        """Create and configure it; return the state. A resource that fails half-way is deleted again."""
        created = self.create_resource(inputs)
        id_, known = created["id"], inputs | created
        try:
            self.settle(id_)
            if later := [key for key in self.configured_after if inputs.get(key)]:
                self.update_resource(id_, inputs, later)
            return self._state(id_, known, inputs)
        except BaseException as error:
            try:
                self.delete(id_, known)
            except ClientError as left:
                error.add_note(f"It still exists in AWS as {id_}: {left}")
            raise

    def preview(self, inputs: Properties, state: Properties | None = None) -> Properties:
        """Return what is already known of the state after `create`, or after `update` from a state.

        What AWS chose for an input, such as a name after a prefix, stays as the other outputs do.
        """
        stays = {
            key: value
            for key, value in (state or {}).items()
            if (key not in self.inputs or self.inputs[key].computed) and key not in self.volatile
        }
        return stays | self._without_write_only(inputs)

    def read(self, id_: str, known: Properties) -> Properties | None:
        """Read the current state from AWS; None if the resource no longer exists."""
        try:
            return self._state(id_, known, known)
        except (ClientError, NotFoundError) as error:
            if is_not_found(error):
                return None
            raise

    def update(self, id_: str, state: Properties, inputs: Properties) -> Properties:
        """Update it in place; return the new state.

        Compares with what AWS has, because an update that failed half-way may have changed some inputs.
        """
        actual = self._state(id_, state, inputs)
        self.update_resource(id_, inputs, list(self.diff(actual, inputs)))
        outputs = {key: value for key, value in state.items() if key not in self.inputs}
        return self._state(id_, outputs | inputs, inputs)

    def delete(self, id_: str, state: Properties) -> None:
        """Delete it; it is not an error if it no longer exists."""
        try:
            self.delete_resource(id_, state)
        except ClientError as error:
            if not is_not_found(error):
                raise

    def _state(self, id_: str, known: Properties, inputs: Properties) -> Properties:
        """Read what AWS has, in the program's spelling where both mean the same."""
        actual = self.read_resource(id_, known)
        spelled = {
            key: inputs[key]
            for key in self.inputs
            if inputs.get(key) is not None and self.unchanged(key, actual, inputs[key])
        }
        state: Properties = _present(self._without_write_only(known | actual | spelled | {"id": id_}))
        return state

    def _without_write_only(self, properties: Properties) -> Properties:
        return {
            key: value
            for key, value in properties.items()
            if key not in self.inputs or not self.inputs[key].write_only
        }


def _present(value: Any) -> Any:
    """Remove None from a value, at any depth."""
    if isinstance(value, Mapping):
        return {key: _present(item) for key, item in value.items() if item is not None}
    return value


def _suffix(seed: bytes) -> str:
    """Return seven hexadecimal digits, as Pulumi generates names."""
    return sha256(seed or os.urandom(16)).hexdigest()[:7]


def wait_until(ready: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Wait until `ready` returns true; raises `TimeoutError` naming `what`."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} took more than {seconds:g} s")
        time.sleep(0.05)


def tag_list(tags: Mapping[str, str] | None) -> list[Any]:
    """Convert tags to the form of most services."""
    return [{"Key": key, "Value": value} for key, value in (tags or {}).items()]


def tag_map(tags: Iterable[Any]) -> dict[str, str]:
    """Convert tags from the form of most services."""
    return {tag["Key"]: tag["Value"] for tag in tags}


def retag(
    actual: Mapping[str, str],
    wanted: Mapping[str, str] | None,
    untag: Callable[[list[str]], object],
    tag: Callable[[dict[str, str]], object],
) -> None:
    """Change tags to the wanted ones, with the service's two calls for that."""
    if stale := sorted(set(actual) - set(wanted or {})):
        untag(stale)
    if wanted:
        tag(dict(wanted))
