"""Runs a program's resource transforms where Pulumi's mocks take the engine's place: the mocks skip them in silence.

A transform runs in the program's process, behind the SDK's callback server; this is the engine's side of that protocol
(`RegisterResource` in `pkg/resource/deploy/source_eval.go` of the Pulumi repository). What the engine alone can run,
resource hooks and transforms of invokes, is an error here.
"""

import logging
import threading
from typing import Any, NoReturn

import grpc  # type: ignore[import-untyped]
from google.protobuf import empty_pb2
from pulumi.runtime import mocks
from pulumi.runtime.proto import callback_pb2, callback_pb2_grpc, resource_pb2

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
# grpc prints half a page for what `_run` raises as an error.
logging.getLogger("grpc").setLevel(logging.CRITICAL)
_MAX_WAIT = 5
"""Seconds."""


class TransformingMonitor(mocks.MockMonitor):
    """A mock monitor that runs transforms. A subclass passes each registration through `transform` first."""

    def __init__(self, answers: mocks.Mocks) -> None:
        super().__init__(answers)
        self._of_stack: list[callback_pb2.Callback] = []
        self._of_resource: dict[str, list[callback_pb2.Callback]] = {}
        self._parents: dict[str, str] = {}
        self._running = 0
        self._idle = threading.Condition()

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
        with self._idle:
            self._running += 1
        try:
            for callback in [*transforms, *self._of_stack]:
                request = _run(callback, request)
        finally:
            with self._idle:
                self._running -= 1
                self._idle.notify_all()
        return request

    def wait_for_transforms(self) -> None:
        """Wait until no transform runs, or for a few seconds: one may wait for a resource that is not created any more.

        A registration that fails ends the program, and grpc prints half a page for each transform that it ends.
        """
        with self._idle:
            self._idle.wait_for(lambda: not self._running, timeout=_MAX_WAIT)

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
    with grpc.insecure_channel(callback.target) as channel:
        try:
            invoked = callback_pb2_grpc.CallbacksStub(channel).Invoke(
                callback_pb2.CallbackInvokeRequest(token=callback.token, request=asked.SerializeToString())
            )
        except grpc.RpcError as error:
            raise DeploymentError(
                f"{request.type} {request.name!r}: a transform of the program failed: {error.details()}"
            ) from error
    answer = resource_pb2.TransformResponse.FromString(invoked.response)
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
