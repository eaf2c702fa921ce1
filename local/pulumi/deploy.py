"""Runs the Pulumi program without an engine: creates its resources in AWS, in the order that it declares.

    with LocalAws.start() as aws:
        deployment = deploy("dev", PROJECT, PROJECT / "Pulumi.dev.yaml", aws.endpoint)
        deployment.outputs["stream_name"]
        deployment.destroy()

Pulumi's mock monitor takes the engine's place; everything else is the SDK as it is. There is no
state beyond the returned `Deployment`, so nothing is compared and nothing is updated.
"""

import asyncio
import runpy
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pulumi
from botocore.exceptions import BotoCoreError, ClientError
from pulumi.runtime import config as runtime_config
from pulumi.runtime import mocks, rpc
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.settings import SETTINGS, set_root_resource
from pulumi.runtime.stack import run_in_stack
from pulumi.runtime.sync_await import _ensure_event_loop, _sync_await

from local.errors import DeploymentError, LocalError, ProviderConfigError
from local.pulumi.provider.aws import SERVICES, Aws
from local.pulumi.provider.invokes import INVOKES
from local.pulumi.provider.resource import Properties, Resource
from local.pulumi.resources import RESOURCES
from local.pulumi.transforms import TransformingMonitor
from stack.errors import StackError
from stack.files.stack_file import encrypted_keys, read_stack_file
from stack.interrupts import uninterrupted
from stack.project import read_project, with_defaults

STACK_TYPE = "pulumi:pulumi:Stack"
READ_STATE = "pulumi:pulumi:readStackResourceOutputs"
"""The engine's own function that returns the resources in a stack's state: none, where nothing is updated."""
CREDENTIALS = frozenset({"aws:accessKey", "aws:secretKey", "aws:token"})
"""Keys whose values a deployment here replaces, so that it does not matter if they are encrypted."""


@dataclass(frozen=True)
class Event:
    """A step of a deployment, for a display. Components are `created` only; they are not in AWS.

    Attributes:
        urn: The resource; `parent` is the URN of its parent, which the stack itself has not.
    """

    phase: Literal["creating", "created", "failed", "deleting", "deleted"]
    token: str
    name: str
    urn: str
    parent: str


@dataclass(frozen=True)
class CreatedResource:
    """A created resource; `state` holds its inputs and outputs, secrets in plain text."""

    token: str
    name: str
    urn: str
    parent: str
    protect: bool
    state: Properties
    kind: Resource = field(repr=False)

    @property
    def id(self) -> str:
        """The provider's id of the resource."""
        return str(self.state["id"])

    def event(self, phase: Literal["deleting", "deleted", "failed"]) -> Event:
        """Return a step in the deletion of this resource."""
        return Event(phase, self.token, self.name, self.urn, self.parent)


@dataclass
class Deployment:
    """A deployed stack.

    Attributes:
        outputs: The stack outputs, secrets in plain text.
        secret_outputs: The names of those outputs that are secrets.
        resources: The created resources, in order of creation.
    """

    outputs: dict[str, Any]
    secret_outputs: frozenset[str]
    resources: list[CreatedResource]
    _on_event: Callable[[Event], None]

    def destroy(self) -> None:
        """Delete everything in reverse order of creation. It is not an error if a resource no longer exists.

        Raises `DeploymentError` if a resource is protected, before anything is deleted, or if a call to AWS fails;
        it may then be called again.
        """
        for resource in self.resources:
            if resource.protect:
                raise DeploymentError(
                    f"{resource.token} {resource.name!r} is protected: nothing was deleted. Set protect to false,"
                    " deploy, and destroy again."
                )
        _remove(self.resources, self._on_event)


def deploy(
    stack: str,
    project: Path,
    config: Mapping[str, Any] | Path,
    endpoint: str,
    credentials: tuple[str, str] = ("test", "test"),
    on_event: Callable[[Event], None] = lambda _event: None,
) -> Deployment:
    """Run the program of a project folder as a stack.

    `config` is a stack file or its `config:` section; the defaults of `Pulumi.yaml` are added.
    Endpoint and credentials (access key, secret key) are the ones given, whatever `aws:` says. `on_event`
    is called from several threads, one at a time.

    Raises `ProviderConfigError` for configuration that cannot be used, `DeploymentError` when a resource cannot be
    created or the program fails; in both cases every created resource is deleted.
    """
    settings = read_project(project)
    values = _configuration(settings, config)
    provider = {key[4:]: value for key, value in values.items() if key.startswith("aws:")} | {
        "accessKey": credentials[0],
        "secretKey": credentials[1],
        "endpoints": [dict.fromkeys(SERVICES, endpoint)],
    }
    monitor = _Monitor(Aws.configured(provider), on_event)
    try:
        # The SDK would print what an interruption of its event loop ends, half a page for each resource.
        with _importable(project), uninterrupted() as monitor.interrupts:
            asyncio.run(_run(project / "__main__.py", settings["name"], stack, values, monitor))
    except BaseException as error:
        # The SDK raises the first failure it meets, which may be a mere consequence.
        interrupted = isinstance(error, KeyboardInterrupt)
        failure = error if interrupted else monitor.failure or _explain(error, project)
        try:
            _remove(monitor.created, monitor.report)
        except DeploymentError as left:
            failure.add_note(f"Cleaning up after the failure failed too: {left}")
        if failure is error:
            raise
        raise failure from failure.__cause__
    return Deployment(monitor.outputs, frozenset(monitor.secret_outputs), monitor.created, monitor.report)


def _explain(error: BaseException, project: Path) -> BaseException:
    """Return an error of the program as a message, which for a defect names its line; an interruption as it is."""
    if isinstance(error, LocalError) or not isinstance(error, Exception):
        return error
    if isinstance(error, pulumi.RunError):
        return DeploymentError(str(error))
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_in(project, frame.filename)]
    where = f" ({Path(own[-1].filename).relative_to(project)}, line {own[-1].lineno})" if own else ""
    failure = DeploymentError(f"the program failed{where}: {type(error).__name__}: {error}")
    failure.__cause__ = error
    return failure


def _is_in(project: Path, file: str) -> bool:
    return Path(file).is_relative_to(project) and "site-packages" not in file


async def _run(
    program: Path, project: str, stack: str, config: Mapping[str, str], monitor: "_Monitor"
) -> None:
    # The first failure is raised. How the other resources end after it, or after Ctrl-C, is its consequence.
    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
    # The monitor belongs to the event loop that the program runs on.
    mocks.set_mocks(monitor.mocks, project=project, stack=stack, preview=False, monitor=monitor)
    runtime_config.set_all_config(dict(config))
    # What a failed deployment left unfinished belongs to its event loop.
    SETTINGS.outputs.clear()
    # set_mocks leaves a stack behind, but run_in_stack expects none.
    set_root_resource(None)  # type: ignore[arg-type]

    def execute() -> None:
        runpy.run_path(str(program), run_name="__main__")

    await run_in_stack(execute)


class _Functions(mocks.Mocks):
    """Answers the provider's functions; the monitor creates its resources."""

    def __init__(self, aws: Aws) -> None:
        self.aws = aws

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        if args.token == READ_STATE:
            return {"outputs": {}}, []
        if args.token not in INVOKES:
            raise DeploymentError(f"{args.token} is not implemented by local AWS")
        try:
            return INVOKES[args.token](self.aws, args.args), []
        except (BotoCoreError, ClientError) as error:
            return {}, [("", str(error))]  # as the engine hands a provider's error to the program

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        raise DeploymentError(f"{args.typ} {args.name!r}: reading an existing resource is not implemented")


class _Monitor(TransformingMonitor):
    """Creates each resource when the SDK registers it, from several threads."""

    def __init__(self, aws: Aws, on_event: Callable[[Event], None]) -> None:
        super().__init__(_Functions(aws))
        self.aws = aws
        self.created: list[CreatedResource] = []
        self.outputs: dict[str, Any] = {}
        self.secret_outputs: list[str] = []
        self.failure: DeploymentError | None = None
        self.interrupts: Sequence[int] = ()
        self._on_event = on_event
        self._lock = threading.Lock()

    def report(self, event: Event) -> None:
        with self._lock:
            self._on_event(event)

    def RegisterResource(  # noqa: N802 # the SDK's name
        self, request: resource_pb2.RegisterResourceRequest
    ) -> resource_pb2.RegisterResourceResponse:
        if self.failure or self.interrupts:
            cause = "another resource failed" if self.failure else "the deployment was interrupted"
            raise DeploymentError(f"{request.type} {request.name!r} was not created: {cause}")
        urn = self.make_urn(request.parent, request.type, request.name)
        request = self.transform(request)

        def report(phase: Literal["creating", "created", "failed"]) -> None:
            self.report(Event(phase, request.type, request.name, urn, request.parent))

        if not request.custom:
            if request.type != STACK_TYPE:
                report("created")
            return resource_pb2.RegisterResourceResponse(urn=urn)
        _ensure_event_loop()  # type: ignore[no-untyped-call]  # deserialising needs one on this thread
        report("creating")
        try:
            state, secret = self._create(urn, request)
        except Exception as error:
            report("failed")
            failure = DeploymentError(f"{request.type} {request.name!r} could not be created: {error}")
            with self._lock:
                self.failure = self.failure or failure
            raise failure from error
        report("created")
        wrapped = {
            key: rpc.wrap_rpc_secret(value) if key in secret else value for key, value in state.items()
        }
        return resource_pb2.RegisterResourceResponse(
            urn=urn, id=state["id"], object=_sync_await(rpc.serialize_properties(wrapped, {}))
        )

    def _create(self, urn: str, request: resource_pb2.RegisterResourceRequest) -> tuple[Properties, set[str]]:
        """Create the resource; return its state and which of its properties are secrets."""
        with self._lock:
            if urn in self.resources:
                raise DeploymentError("two resources have this type and name")
            self.resources[urn] = self.ResourceRegistration(urn, "", {})
        if request.type not in RESOURCES:
            raise DeploymentError("local AWS does not implement this type")
        kind = RESOURCES[request.type](self.aws)
        given = rpc.deserialize_properties(request.object)
        inputs, wrong = kind.check(request.name, {key: _plain(value) for key, value in given.items()})
        if wrong:
            raise DeploymentError("; ".join(map(str, wrong)))
        state = kind.create(inputs)
        resource = CreatedResource(
            request.type, request.name, urn, request.parent, request.protect, state, kind
        )
        with self._lock:
            self.created.append(resource)
        return state, {*kind.secret, *(key for key, value in given.items() if _holds_secret(value))}

    def RegisterResourceOutputs(  # noqa: N802 # the SDK's name
        self, request: resource_pb2.RegisterResourceOutputsRequest
    ) -> Any:
        if f"::{STACK_TYPE}::" in request.urn:
            _ensure_event_loop()  # type: ignore[no-untyped-call]
            outputs = rpc.deserialize_properties(request.outputs)
            self.outputs |= {key: _plain(value) for key, value in outputs.items()}
            self.secret_outputs += [key for key, value in outputs.items() if _holds_secret(value)]
        return super().RegisterResourceOutputs(request)  # type: ignore[no-untyped-call]


def _remove(resources: list[CreatedResource], on_event: Callable[[Event], None]) -> None:
    """Delete the resources in reverse order of creation, and remove each from the list."""
    while resources:
        resource = resources[-1]
        on_event(resource.event("deleting"))
        try:
            resource.kind.delete(resource.id, resource.state)
        except Exception as error:
            on_event(resource.event("failed"))
            raise DeploymentError(
                f"{resource.token} {resource.name!r} could not be deleted: {error}"
            ) from error
        resources.pop()
        on_event(resource.event("deleted"))


def _configuration(settings: Mapping[str, Any], config: Mapping[str, Any] | Path) -> dict[str, str]:
    """Return the stack's configuration as the engine passes it to the program: full keys, string values."""
    try:
        given = read_stack_file(config, settings) if isinstance(config, Path) else config
    except StackError as error:
        raise ProviderConfigError(str(error)) from error
    encrypted = encrypted_keys(given)
    if unreadable := sorted(encrypted - CREDENTIALS):
        raise ProviderConfigError(f"{unreadable[0]} is encrypted: only the Pulumi CLI can read it")
    return with_defaults(settings, {key: value for key, value in given.items() if key not in encrypted})


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Make the modules beside the program importable, as the CLI does."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def _plain(value: Any) -> Any:
    """Remove the marks of secrets from a value."""
    if rpc.is_rpc_secret(value):
        return _plain(rpc.unwrap_rpc_secret(value))
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _holds_secret(value: Any) -> bool:
    if rpc.is_rpc_secret(value):
        return True
    if isinstance(value, list):
        return any(map(_holds_secret, value))
    return isinstance(value, dict) and any(map(_holds_secret, value.values()))
