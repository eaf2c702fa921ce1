"""What the implementation of a resource type is made of, and what is the same for all of them."""

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping
from hashlib import sha256
from typing import Any, ClassVar

from botocore.exceptions import ClientError

from local.resources.aws import Aws
from local.resources.schema import Inputs, InvalidError, checked, unknown

# Input or output properties by their Pulumi names (camelCase), plain values, `id` among the outputs.
Properties = dict[str, Any]

# How the services say that something is not there (S3's HEAD only by its status).
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


class GoneError(LookupError):
    """The resource is not there, where AWS says so by an empty list and not by an error."""


def is_gone(error: Exception) -> bool:
    """Whether an error of AWS means that the resource is not there."""
    if isinstance(error, ClientError):
        return error.response["Error"]["Code"] in NOT_FOUND
    return isinstance(error, GoneError)


class Resource(ABC):
    """One resource type of the aws provider: create, read, update and delete through boto3.

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
    def create(self, inputs: Properties) -> Properties:
        """Make it, by one call; returns its `id`, and whatever AWS tells only now."""

    def settle(self, id_: str) -> None:  # noqa: B027 # most are there at once
        """Wait until what was made or changed can be used."""

    @abstractmethod
    def read(self, id_: str, known: Properties) -> Properties:
        """What AWS has now: inputs and outputs. Raises AWS's own not-found error if it is gone.

        `known` is the last known state, for what AWS does not tell.
        """

    @abstractmethod
    def update(self, id_: str, inputs: Properties, changed: Collection[str]) -> None:
        """Bring the changed inputs, none of which replaces, to their new values."""

    @abstractmethod
    def delete(self, id_: str, state: Properties) -> None:
        """Remove it. Raises AWS's own not-found error if it is gone already."""

    # What follows is the life of a resource as an engine drives it.

    def check(
        self, name: str, inputs: Mapping[str, Any], before: Mapping[str, Any] | None = None, seed: bytes = b""
    ) -> tuple[Properties, list[InvalidError]]:
        """The inputs in canonical form with defaults and a generated name, and what is wrong with them.

        `before` are the inputs of the last deployment, whose generated name stays; `seed` makes a new
        one the same in preview and update.
        """
        wrong = [InvalidError(key, unknown(self.inputs)) for key in inputs if key not in self.inputs]
        found: Properties = {}
        for key, kind in self.inputs.items():
            value = inputs.get(key)
            if value is None and key == self.named_by and f"{key}Prefix" not in inputs:
                value = (before or {}).get(key) or f"{name}-{_suffix(seed)}"
            try:
                value = checked(kind, key, value)
            except InvalidError as error:
                wrong.append(error)
            if value is not None:
                found[key] = value
        if not wrong:
            wrong = [InvalidError(key, reason) for key, reason in self.contradictions(found)]
        return found, wrong

    def contradictions(self, _inputs: Properties) -> Iterable[tuple[str, str]]:
        """Inputs that AWS does not take together, each with the reason."""
        return ()

    def changes(self, state: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, bool]:
        """Which inputs differ from the state, and of each whether the change replaces the resource."""
        return {
            key: kind.replaces
            for key, kind in self.inputs.items()
            if not self.unchanged(key, state, inputs.get(key))
        }

    def unchanged(self, key: str, state: Mapping[str, Any], wanted: Any) -> bool:
        """Whether the state has what is wanted of one input property."""
        return self.inputs[key].unchanged(state.get(key), wanted)

    def make(self, inputs: Properties) -> Properties:
        """Create and configure; returns the state. What was begun and failed is taken away again."""
        created = self.create(inputs)
        id_, known = created["id"], inputs | created
        try:
            self.settle(id_)
            if later := [key for key in self.configured_after if inputs.get(key)]:
                self.update(id_, inputs, later)
            return self._state(id_, known, inputs)
        except BaseException as error:
            try:
                self.remove(id_, known)
            except ClientError as left:
                error.add_note(f"It is left in AWS as {id_}: {left}")
            raise

    def foresee(self, inputs: Properties, state: Properties | None = None) -> Properties:
        """What of the state after `make`, or after `change` from a state, is known beforehand."""
        stays = {
            key: value
            for key, value in (state or {}).items()
            if key not in self.inputs and key not in self.volatile
        }
        return stays | self._without_write_only(inputs)

    def refresh(self, id_: str, known: Properties) -> Properties | None:
        """The state as AWS has it now, or None if the resource is gone."""
        try:
            return self._state(id_, known, known)
        except (ClientError, GoneError) as error:
            if is_gone(error):
                return None
            raise

    def change(self, id_: str, state: Properties, inputs: Properties) -> Properties:
        """Update in place to new inputs; returns the new state.

        What is changed goes by what AWS has: an update that failed half-way may have changed some already.
        """
        actual = self._state(id_, state, inputs)
        self.update(id_, inputs, list(self.changes(actual, inputs)))
        kept = {key: value for key, value in state.items() if key not in self.inputs}
        return self._state(id_, kept | inputs, inputs)

    def remove(self, id_: str, state: Properties) -> None:
        """Delete it; one that is gone already is no error."""
        try:
            self.delete(id_, state)
        except ClientError as error:
            if not is_gone(error):
                raise

    def _state(self, id_: str, known: Properties, inputs: Properties) -> Properties:
        """What AWS has, in the program's own spelling wherever the two mean the same."""
        actual = self.read(id_, known)
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
    """A value without what AWS does not have, at any depth."""
    if isinstance(value, Mapping):
        return {key: _present(item) for key, item in value.items() if item is not None}
    return value


def _suffix(seed: bytes) -> str:
    """Seven hexadecimal digits, as Pulumi generates names."""
    return sha256(seed or os.urandom(16)).hexdigest()[:7]


def wait_until(ready: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Return as soon as it is ready; raises `TimeoutError` naming what was waited for."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} took more than {seconds:g} s")
        time.sleep(0.05)


def tag_list(tags: Mapping[str, str] | None) -> list[Any]:
    """Tags as most services take them."""
    return [{"Key": key, "Value": value} for key, value in (tags or {}).items()]


def tag_map(tags: Iterable[Any]) -> dict[str, str]:
    """Tags as Pulumi has them, from what most services return."""
    return {tag["Key"]: tag["Value"] for tag in tags}


def retag(
    actual: Mapping[str, str],
    wanted: Mapping[str, str] | None,
    untag: Callable[[list[str]], object],
    tag: Callable[[dict[str, str]], object],
) -> None:
    """Bring tags to what is wanted, with the two calls that every service has for it."""
    if stale := sorted(set(actual) - set(wanted or {})):
        untag(stale)
    if wanted:
        tag(dict(wanted))
