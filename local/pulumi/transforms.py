"""Runs a program's resource transforms where Pulumi's mocks take the engine's place: the mocks skip them in silence.

A transform runs on the program's event loop. The engine asks for it through the SDK's callback server; this is the
engine's side (`RegisterResource` in `pkg/resource/deploy/source_eval.go` of the Pulumi repository), without the server,
which prints half a page for each transform that a failed deployment interrupts. What the engine alone can run, resource
hooks and transforms of invokes, is an error here.
"""

import asyncio
from typing import Any, NoReturn

from google.protobuf import empty_pb2
from pulumi.runtime import mocks
from pulumi.runtime._callbacks import _CallbackServicer
from pulumi.runtime.proto import callback_pb2, resource_pb2

from local.errors import DeploymentError

_FIELDS = {
    "additional_secret_outputs": "additionalSecretOutputs",
    "aliases": "aliases",
    "custom_timeouts": "customTimeouts",
    "delete_before_replace": "deleteBeforeReplace",
    "deleted_with": "deletedWith",
    "depends_on": "dependencies",
    "hide_diff": "hideDiffs",
    "ignore_changes": "ignoreChanges",
    "import": "importId",
    "plugin_download_url": "pluginDownloadURL",
    "protect": "protect",
    "provider": "provider",
    "providers": "providers",
    "replace_on_changes": "replaceOnChanges",
    "replace_with": "replace_with",
    "replacement_trigger": "replacement_trigger",
    "retain_on_delete": "retainOnDelete",
    "version": "version",
}
"""The field of a registration for each option of a transform."""


class TransformingMonitor(mocks.MockMonitor):
    """A mock monitor that runs transforms. A subclass passes each registration through `transform` first."""

    def __init__(self, answers: mocks.Mocks) -> None:
        super().__init__(answers)
        self._of_stack: list[callback_pb2.Callback] = []
        self._of_resource: dict[str, list[callback_pb2.Callback]] = {}
        self._parents: dict[str, str] = {}

    def transform(
        self, request: resource_pb2.RegisterResourceRequest
    ) -> resource_pb2.RegisterResourceRequest:
        """Return what the program's transforms make of a registration: its own, then its parents', then the stack's.

        Raises:
            DeploymentError: a transform fails.
        """
        urn = self.make_urn(request.parent, request.type, request.name)
        self._of_resource[urn] = list(request.transforms)
        self._parents[urn] = request.parent
        transforms, ancestor = list(request.transforms), request.parent
        while ancestor:
            transforms += self._of_resource.get(ancestor, [])
            ancestor = self._parents.get(ancestor, "")
        for callback in [*transforms, *self._of_stack]:
            request = _run(callback, request)
        return request

    def RegisterStackTransform(self, request: callback_pb2.Callback) -> empty_pb2.Empty:  # noqa: N802 # the SDK's names
        self._of_stack.append(request)
        return empty_pb2.Empty()

    def RegisterStackInvokeTransform(self, _request: callback_pb2.Callback) -> NoReturn:  # noqa: N802
        raise _only_the_engine("a transform of invokes")

    def RegisterResourceHook(self, request: resource_pb2.RegisterResourceHookRequest) -> NoReturn:  # noqa: N802
        raise _only_the_engine(f"the resource hook {request.name!r}")

    def RegisterErrorHook(self, request: resource_pb2.RegisterErrorHookRequest) -> NoReturn:  # noqa: N802
        raise _only_the_engine(f"the error hook {request.name!r}")


def _only_the_engine(what: str) -> DeploymentError:
    return DeploymentError(
        f"{what} runs under the Pulumi engine only, and the demo and local deployments are without one: "
        "`make up-local` deploys to local AWS with it"
    )


def _run(
    callback: callback_pb2.Callback, request: resource_pb2.RegisterResourceRequest
) -> resource_pb2.RegisterResourceRequest:
    """Let the program's process run one transform, and apply what it answers."""
    given = {field.name: value for field, value in request.ListFields()}
    options = {option: given[field] for option, field in _FIELDS.items() if field in given}
    asked = resource_pb2.TransformRequest(
        type=request.type,
        name=request.name,
        custom=request.custom,
        parent=request.parent,
        properties=request.object,
        options=resource_pb2.TransformResourceOptions(**options),
    )
    server = next(server for server in _CallbackServicer._servicers if server._target == callback.target)

    async def answered() -> Any:
        return await server._callbacks[callback.token](asked.SerializeToString())

    running = asyncio.run_coroutine_threadsafe(answered(), server._loop)
    try:
        answer = running.result()
    except Exception as error:
        raise DeploymentError(
            f"{request.type} {request.name!r}: a transform of the program failed: {error}"
        ) from error
    changed = resource_pb2.RegisterResourceRequest()
    changed.CopyFrom(request)
    if answer.HasField("properties"):
        changed.object.CopyFrom(answer.properties)
    if answer.HasField("options"):
        _apply(answer.options, changed)
    return changed


def _apply(
    options: resource_pb2.TransformResourceOptions, request: resource_pb2.RegisterResourceRequest
) -> None:
    values: dict[str, Any] = {
        _FIELDS[field.name]: value for field, value in options.ListFields() if field.name in _FIELDS
    }
    for field in _FIELDS.values():
        request.ClearField(field)  # type: ignore[arg-type]
    request.MergeFrom(resource_pb2.RegisterResourceRequest(**values))
