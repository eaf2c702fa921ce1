"""The resources of local AWS as the `aws` plugin of the real Pulumi engine.

The engine runs the launcher that `install` puts into PULUMI_HOME wherever it would run AWS's own plugin:
the program and its configuration stay as they are. Secrets need little here: the engine marks an output
whose input was secret, and the plugin marks the outputs that AWS generates.
"""

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from pulumi.provider.experimental import provider
from pulumi.provider.experimental.property_value import PropertyValue
from pulumi.provider.experimental.server import main as serve

from local.errors import ProviderConfigError
from local.pulumi.provider.aws import Aws
from local.pulumi.provider.invokes import INVOKES
from local.pulumi.provider.resource import Properties, Resource
from local.pulumi.resources import RESOURCES
from stack.project import PROJECT

VERSION = version("pulumi-aws")
Values = dict[str, PropertyValue]
Result = TypeVar("Result")

_LAUNCHER = """\
#!{python}
import sys

sys.path.insert(0, {project!r})
from local.pulumi.plugin import main

main()
"""


class CallError(Exception):
    """A call to AWS failed; the message is AWS's."""

    # The SDK's server appends the traceback to the message, which the engine shows to the user.
    __traceback__ = None


class AwsProvider(provider.Provider):
    """Passes each request of the engine to the implementation of its resource type.

    boto3 blocks, so the calls run on threads: independent resources are created concurrently.
    """

    def __init__(self) -> None:
        self.aws: Aws | None = None

    async def check_config(self, request: provider.CheckRequest) -> provider.CheckResponse:
        try:
            Aws.configured(_plain_map(request.new_inputs))
        except ProviderConfigError as error:
            return provider.CheckResponse(failures=[provider.CheckFailure("", str(error))])
        return provider.CheckResponse(inputs=request.new_inputs)

    async def configure(self, request: provider.ConfigureRequest) -> provider.ConfigureResponse:
        self.aws = Aws.configured(_plain_map(request.args))
        return provider.ConfigureResponse(supports_preview=True)

    async def invoke(self, request: provider.InvokeRequest) -> provider.InvokeResponse:
        if request.tok not in INVOKES:
            raise ValueError(f"{request.tok} is not implemented by local AWS")
        result = await _work(INVOKES[request.tok], self._configured(), _plain_map(request.args))
        return provider.InvokeResponse(_values(result))

    async def check(self, request: provider.CheckRequest) -> provider.CheckResponse:
        if _token(request.type) not in RESOURCES:
            failure = provider.CheckFailure("", "its type is not one that local AWS implements")
            return provider.CheckResponse(failures=[failure])
        inputs, wrong = self._kind(request.type).check(
            request.name,
            _plain_map(request.new_inputs),
            _plain_map(request.old_inputs),
            request.random_seed,
        )
        return provider.CheckResponse(
            inputs=_values(inputs),
            failures=[provider.CheckFailure(error.path, error.reason) for error in wrong],
        )

    async def diff(self, request: provider.DiffRequest) -> provider.DiffResponse:
        kind = self._kind(request.type)
        state, inputs = _plain_map(request.old_state), _plain_map(request.new_inputs)
        changes = await _work(kind.diff, state, inputs)
        changes = {key: replaces for key, replaces in changes.items() if key not in request.ignore_changes}
        replaces = [key for key, replaces in changes.items() if replaces]
        # Two resources of one name cannot exist at the same time.
        clashes = kind.named_by is not None and state.get(kind.named_by) == inputs.get(kind.named_by)
        return provider.DiffResponse(
            changes=bool(changes),
            diffs=list(changes),
            replaces=replaces,
            delete_before_replace=bool(replaces) and clashes,
            detailed_diff={
                key: provider.PropertyDiff(_diff_kind(key, state, inputs, changes[key]), input_diff=False)
                for key in changes
            },
        )

    async def create(self, request: provider.CreateRequest) -> provider.CreateResponse:
        kind, inputs = self._kind(request.type), _plain_map(request.properties)
        if request.preview:
            return provider.CreateResponse(properties=_values(kind.preview(inputs)))
        state = await _work(kind.create, inputs)
        return provider.CreateResponse(state["id"], _state(kind, state))

    async def read(self, request: provider.ReadRequest) -> provider.ReadResponse:
        kind = self._kind(request.type)
        known, inputs = _plain_map(request.properties), _plain_map(request.inputs)
        state = await _work(kind.read, request.resource_id, known | inputs)
        if state is None:
            return provider.ReadResponse()
        inputs |= {
            key: state[key]
            for key in kind.inputs
            if key in state and (key in inputs or not kind.unchanged(key, state, None))
        }
        return provider.ReadResponse(request.resource_id, _state(kind, state), _values(inputs))

    async def update(self, request: provider.UpdateRequest) -> provider.UpdateResponse:
        kind = self._kind(request.type)
        state, inputs = _plain_map(request.olds), _plain_map(request.news)
        if request.preview:
            return provider.UpdateResponse(_state(kind, kind.preview(inputs, state)))
        state = await _work(kind.update, request.resource_id, state, inputs)
        return provider.UpdateResponse(_state(kind, state))

    async def delete(self, request: provider.DeleteRequest) -> None:
        kind = self._kind(request.type)
        await _work(kind.delete, request.resource_id, _plain_map(request.properties))

    def _configured(self) -> Aws:
        assert self.aws is not None, "the engine configures a provider before it uses it"
        return self.aws

    def _kind(self, qualified: str) -> Resource:
        return RESOURCES[_token(qualified)](self._configured())


async def _work(function: Callable[..., Result], *arguments: Any) -> Result:
    """Call AWS on a thread; raises `CallError` if AWS denies or rejects the call."""
    try:
        return await asyncio.to_thread(function, *arguments)
    except (BotoCoreError, ClientError, ProviderConfigError, TimeoutError) as error:
        raise CallError(str(error)) from None


def install(pulumi_home: Path) -> Path:
    """Install the plugin into a PULUMI_HOME; return its folder."""
    plugins = pulumi_home / "plugins"
    if plugins.is_symlink():  # to AWS's own, see local/pulumi/engine.py
        plugins.unlink()
    folder = plugins / f"resource-aws-v{VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    launcher = folder / "pulumi-resource-aws"
    project = str(PROJECT)
    launcher.write_text(_LAUNCHER.format(python=sys.executable, project=project))
    launcher.chmod(0o755)
    return folder


def main() -> None:
    """Serve the engine that started this process, until the engine ends."""
    threading.Thread(target=_end_with, args=[os.getppid()], daemon=True).start()
    serve(sys.argv[1:], VERSION, AwsProvider())


def _end_with(engine: int) -> None:
    """End this process when its parent changes: a killed engine does not end its plugins."""
    while os.getppid() == engine:
        time.sleep(0.5)
    os._exit(1)


def _token(qualified: str) -> str:
    """Return the last part of a type that is qualified by its parents' types."""
    return qualified.rpartition("$")[2]


def _diff_kind(
    key: str, state: Mapping[str, Any], inputs: Mapping[str, Any], replaces: bool
) -> provider.PropertyDiffKind:
    kinds = provider.PropertyDiffKind
    if key not in state:
        return kinds.ADD_REPLACE if replaces else kinds.ADD
    if key not in inputs:
        return kinds.DELETE_REPLACE if replaces else kinds.DELETE
    return kinds.UPDATE_REPLACE if replaces else kinds.UPDATE


def _state(kind: Resource, state: Properties) -> Values:
    return {
        key: value.with_secret(True) if key in kind.secret else value for key, value in _values(state).items()
    }


def _plain_map(values: Mapping[str, PropertyValue]) -> Properties:
    return {key: _plain(value) for key, value in values.items() if value.value is not None}


def _plain(value: PropertyValue) -> Any:
    inner = value.value
    if isinstance(inner, Mapping):
        return _plain_map(inner)
    if isinstance(inner, tuple):
        return [_plain(item) for item in inner]
    # The engine has no integers, and AWS requires them.
    return int(inner) if isinstance(inner, float) and inner.is_integer() else inner


def _values(plain: Mapping[str, Any]) -> Values:
    return {key: _value(value) for key, value in plain.items()}


def _value(plain: Any) -> PropertyValue:
    if isinstance(plain, Mapping):
        return PropertyValue(_values(plain))
    if isinstance(plain, list):
        return PropertyValue([_value(item) for item in plain])
    if isinstance(plain, int) and not isinstance(plain, bool):
        return PropertyValue(float(plain))
    return PropertyValue(plain)
