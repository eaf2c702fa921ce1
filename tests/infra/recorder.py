"""Runs a real `__main__.py`, the stack's or the bootstrap program's, under Pulumi's mocks and records the result."""

import asyncio
import json
import runpy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from pulumi.runtime import mocks, rpc, set_all_config
from pulumi.runtime.settings import SETTINGS, set_root_resource
from pulumi.runtime.stack import run_in_stack

from local.pulumi.transforms import TransformingMonitor
from stack.files.stack_file import read_stack_file
from stack.project import PROJECT, read_project, with_defaults, without_account

ACCOUNT = "123456789012"
REGION = "us-east-1"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0f7c2d2e-0000-4000-8000-000000000000"
PREVIOUS_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1f7c2d2e-0000-4000-8000-000000000000"
AWS_MANAGED_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/aws-managed"
DEV_TAGS = {"Project": read_project()["name"], "Stack": "dev", "Environment": "dev"}
SECRET_SIGNATURE = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}


@dataclass(frozen=True)
class Secret:
    """A value that the engine would encrypt in the state and hide in what it prints."""

    value: Any


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One registered resource: inputs are camelCase, as they go to the engine."""

    urn: str
    type: str
    name: str
    parent: str
    inputs: Mapping[str, Any]
    protect: bool
    ignored: frozenset[str]
    replacement_trigger: Any
    delete_before_replace: bool
    aliases: int
    depends_on: frozenset[str]
    depends_on_by_input: Mapping[str, frozenset[str]]


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """Everything that a run of the program registered and exported."""

    resources: list[Resource] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    arns: dict[str, str] = field(default_factory=dict)
    outputs_of: dict[str, dict[str, Any]] = field(default_factory=dict)

    def of(self, type_: str) -> list[Resource]:
        """All resources of a type, named by the last part of its token, such as `Stream`."""
        return [resource for resource in self.resources if resource.type.endswith(f":{type_}")]

    def one(self, type_: str) -> Resource:
        """The only resource of a type."""
        (resource,) = self.of(type_)
        return resource

    def named(self, name: str) -> Resource:
        """The only resource of a logical name."""
        (resource,) = [resource for resource in self.resources if resource.name == name]
        return resource

    def arn(self, name: str) -> str:
        """The ARN that AWS would give to the resource `name`."""
        return self.arns[name]

    def component_outputs(self, name: str) -> dict[str, Any]:
        """The outputs that the component `name` registered."""
        return self.outputs_of[name]

    def policy(self, name: str) -> dict[str, tuple[str, set[str], set[str]]]:
        """The statements of an identity's policy: Sid -> (effect, actions, resources), and nothing else."""
        document = json.loads(self.named(name).inputs["policy"])
        assert document["Version"] == "2012-10-17"
        members = {"Sid", "Effect", "Action", "Resource"}
        assert all(set(each) - {"Condition"} == members for each in document["Statement"])
        statements = {
            each["Sid"]: (each["Effect"], set(each["Action"]), set(each["Resource"]))
            for each in document["Statement"]
        }
        assert len(statements) == len(document["Statement"]), "two statements have the same Sid"
        return statements

    def conditions(self, name: str) -> dict[str, dict[str, Any]]:
        """The conditions of an identity's policy: Sid -> condition, of the statements that have one."""
        document = json.loads(self.named(name).inputs["policy"])
        return {each["Sid"]: each["Condition"] for each in document["Statement"] if "Condition" in each}


class _Answers(mocks.Mocks):
    """The values that AWS adds to the inputs: identifiers, ARNs, the secret of an access key.

    `answers` has what an invoke returns, as text why it fails, or a function of its arguments that returns either.

    `present` has outputs, by resource, of which the engine ignores changes: those that the stack already has.
    """

    def __init__(
        self, partition: str, answers: Mapping[str, Any], present: Mapping[str, Mapping[str, Any]]
    ) -> None:
        self.partition = partition
        self.answers = answers
        self.present = present

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        answers = {
            "aws:index/getCallerIdentity:getCallerIdentity": {"accountId": ACCOUNT},
            "aws:index/getRegion:getRegion": {"region": REGION},
            "aws:index/getPartition:getPartition": {"partition": self.partition},
            "aws:kms/getAlias:getAlias": {"targetKeyArn": AWS_MANAGED_KEY},
            "aws:lambda/getAlias:getAlias": "reading Lambda Alias: couldn't find resource",
            "aws:lambda/getFunction:getFunction": "reading Lambda Function: couldn't find resource",
            **self.answers,
        }
        if args.token not in answers:
            raise ValueError(f"the program invokes {args.token}, which no answer is known for")
        answer = answers[args.token]
        if callable(answer):
            answer = answer(args.args)
        return ({}, [("", answer)]) if isinstance(answer, str) else (answer, [])

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        state = {**args.inputs, **self.present.get(args.name, {})}
        if not args.custom:
            return None, state
        service, kind = args.typ.split(":")[1].split("/")[0], args.typ.split(":")[2]
        service = "logs" if kind == "LogGroup" else service
        physical = state.get("name") or state.get("bucket") or args.name
        if kind == "Bucket":
            physical = state["bucket"] = state.get("bucket") or f"{state['bucketPrefix']}0123456789"
        if kind not in {"UserPolicy", "RolePolicy", "AccessKey", "BucketPolicy", "TopicPolicy"}:
            state.setdefault("arn", f"arn:aws:{service}:{REGION}:{ACCOUNT}:{physical}")
        if kind == "EventSourceMapping":
            state["uuid"] = "f8d2b9a1-0000-4000-8000-000000000000"
        if kind == "Function":
            state["version"] = "7"
        if kind == "Key":
            state["keyId"] = f"{args.name}-id"
        if kind == "AccessKey":
            state["secret"] = {**SECRET_SIGNATURE, "value": f"secret of {args.name}"}
        return f"{args.name}-id", state


class _Monitor(TransformingMonitor):
    """A monitor that records options too, and as the engine runs transforms and rejects a URN's second resource."""

    def __init__(self, deployed: Deployed, answers: _Answers) -> None:
        super().__init__(answers)
        self.deployed = deployed

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 (the name of the RPC)
        request = self.transform(request)
        if request.type != "pulumi:pulumi:Stack":
            urn = self.make_urn(request.parent, request.type, request.name)
            if any(resource.urn == urn for resource in self.deployed.resources):
                raise ValueError(f"{urn} is registered twice")
            self.deployed.resources.append(
                Resource(
                    urn=urn,
                    type=request.type,
                    name=request.name,
                    parent=request.parent,
                    inputs=rpc.deserialize_properties(request.object, keep_unknowns=True),
                    protect=request.protect,
                    ignored=frozenset(request.ignoreChanges),
                    replacement_trigger=json_format.MessageToDict(request).get("replacementTrigger"),
                    delete_before_replace=request.deleteBeforeReplace,
                    aliases=len(request.aliases) + len(request.aliasURNs),
                    depends_on=frozenset(request.dependencies),
                    depends_on_by_input={
                        name: frozenset(entry.urns) for name, entry in request.propertyDependencies.items()
                    },
                )
            )
        response = super().RegisterResource(request)  # type: ignore[no-untyped-call]
        if "arn" in response.object:
            self.deployed.arns[request.name] = response.object["arn"]
        return response

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802 (the name of the RPC)
        values = json_format.MessageToDict(request.outputs)
        outputs = {name: _unwrap(value) for name, value in values.items()}
        if "::pulumi:pulumi:Stack::" in request.urn:
            self.deployed.outputs.update(outputs)
        else:
            self.deployed.outputs_of[request.urn.rsplit("::", 1)[1]] = outputs
        return super().RegisterResourceOutputs(request)  # type: ignore[no-untyped-call]


def _unwrap(value: Any) -> Any:
    if isinstance(value, dict) and SECRET_SIGNATURE.items() <= value.items():
        return Secret(value["value"])
    return value


def stack_config(stack: str, **config: Any) -> dict[str, str]:
    """Return a committed stack file's configuration as the engine passes it, with some keys changed."""
    committed = without_account(read_stack_file(PROJECT / f"Pulumi.{stack}.yaml", read_project()))
    return _with_changes(PROJECT, committed, config)


def deploy(
    stack: str = "dev",
    *,
    file: str | None = None,
    partition: str = "aws",
    region: str = REGION,
    present: Mapping[str, Mapping[str, Any]] | None = None,
    state: Mapping[str, Any] | None = None,
    live: Mapping[str, Any] | str | None = None,
    versions: Sequence[str] = (),
    **config: Any,
) -> Deployed:
    """Run the program as the stack `stack` of its committed file, with some keys of the project changed.

    `file` names the stack whose file is taken where it is not that of `stack`; `present` holds what the stack already
    has of a resource, by its logical name, where the engine ignores what the program says; `state` holds the resources
    of the state, by URN; `live` is the function's alias in AWS, or why it cannot be read; `versions` are those of the
    function, oldest first.
    """

    def find_version(arguments: Mapping[str, Any]) -> dict[str, Any] | str:
        """Answer as AWS's provider, which takes the newest version where none is named."""
        version = arguments.get("qualifier") or versions[-1]
        return {"version": version} if version in versions else "reading: couldn't find resource"

    answered: dict[str, Any] = {
        "aws:index/getRegion:getRegion": {"region": region},
        "pulumi:pulumi:readStackResourceOutputs": {"outputs": state or {}},
    }
    if live:
        answered["aws:lambda/getAlias:getAlias"] = live
    if versions:
        answered["aws:lambda/getFunction:getFunction"] = find_version
    answers = _Answers(partition, answered, present or {})
    settings = stack_config(file or stack, **config) | {"aws:region": region}
    return _record(PROJECT, stack, settings, answers)


def deploy_bootstrap(
    *, partition: str = "aws", github_provider: Mapping[str, Any] | None = None, **config: Any
) -> Deployed:
    """Run the bootstrap program for the repository `octo/tweets`; `github_provider` is an existing one."""
    folder = PROJECT / "delivery" / "bootstrap"
    answers = (
        {"aws:iam/getOpenIdConnectProvider:getOpenIdConnectProvider": github_provider}
        if github_provider
        else {}
    )
    settings = _with_changes(folder, {"aws:region": REGION}, {"repository": "octo/tweets", **config})
    return _record(folder, "account", settings, _Answers(partition, answers, {}))


def _with_changes(folder: Path, committed: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, str]:
    project = read_project(folder)
    changed = {f"{project['name']}:{key}": value for key, value in config.items()}
    return with_defaults(project, {**committed, **changed})


def _record(folder: Path, stack: str, config: dict[str, str], answers: _Answers) -> Deployed:
    deployed = Deployed()
    project = read_project(folder)["name"]

    def program() -> None:
        runpy.run_path(str(folder / "__main__.py"), run_name="__main__")

    async def run() -> None:
        # The error of a failed run is raised; that it reached several outputs is no news.
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        monitor = _Monitor(deployed, answers)
        mocks.set_mocks(monitor.mocks, project=project, stack=stack, preview=False, monitor=monitor)
        set_all_config(config, [])
        SETTINGS.outputs.clear()  # what a failed run left belongs to its event loop
        set_root_resource(None)  # type: ignore[arg-type]  # what a fresh process has
        await run_in_stack(program)

    asyncio.run(run())
    return deployed
