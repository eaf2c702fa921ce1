"""The plugin as the engine meets it: the installed launcher in a process of its own, spoken to by gRPC."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]  # it has no types
import pytest
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime import rpc
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from local.aws.local_aws import LocalAws
from local.pulumi import plugin
from local.pulumi.provider.aws import SERVICES
from tests.local.conftest import unique

SECRET = {rpc._special_sig_key: rpc._special_secret_sig}
TOPIC, USER, KEY = "aws:sns/topic:Topic", "aws:iam/user:User", "aws:iam/accessKey:AccessKey"
BUCKET = "aws:s3/bucket:Bucket"
TABLE = "aws:dynamodb/table:Table"
STREAM = "aws:kinesis/stream:Stream"


def struct(values: Mapping[str, Any]) -> struct_pb2.Struct:
    return json_format.ParseDict(dict(values), struct_pb2.Struct())


def plain(values: struct_pb2.Struct) -> dict[str, Any]:
    return json_format.MessageToDict(values)


@dataclass
class Engine:
    """The requests of an engine for one resource; each type lies in a component, as those of the program."""

    stub: Any

    def urn(self, token: str) -> str:
        return f"urn:pulumi:dev::small::small:index:Part${token}::thing"

    def check(self, token: str, inputs: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> Any:
        return self.stub.Check(
            provider_pb2.CheckRequest(
                urn=self.urn(token), olds=struct(before or {}), news=struct(inputs), randomSeed=b"seed"
            )
        )

    def failures(self, token: str, inputs: Mapping[str, Any]) -> list[tuple[str, str]]:
        return [(failure.property, failure.reason) for failure in self.check(token, inputs).failures]

    def create(self, token: str, preview: bool = False, **inputs: Any) -> tuple[str, dict[str, Any]]:
        checked = self.check(token, inputs)
        assert not checked.failures
        request = provider_pb2.CreateRequest(urn=self.urn(token), properties=checked.inputs, preview=preview)
        created = self.stub.Create(request)
        return created.id, plain(created.properties)

    def diff(self, token: str, id_: str, state: Mapping[str, Any], **inputs: Any) -> Any:
        return self.stub.Diff(
            provider_pb2.DiffRequest(
                id=id_,
                urn=self.urn(token),
                olds=struct(state),
                news=self.check(token, inputs, state).inputs,
            )
        )

    def update(
        self, token: str, id_: str, state: Mapping[str, Any], preview: bool = False, **inputs: Any
    ) -> dict[str, Any]:
        updated = self.stub.Update(
            provider_pb2.UpdateRequest(
                id=id_,
                urn=self.urn(token),
                olds=struct(state),
                news=self.check(token, inputs, state).inputs,
                preview=preview,
            )
        )
        return plain(updated.properties)

    def read(self, token: str, id_: str, state: Mapping[str, Any], inputs: Mapping[str, Any]) -> Any:
        return self.stub.Read(
            provider_pb2.ReadRequest(
                id=id_, urn=self.urn(token), properties=struct(state), inputs=struct(inputs)
            )
        )

    def delete(self, token: str, id_: str, state: Mapping[str, Any]) -> None:
        self.stub.Delete(provider_pb2.DeleteRequest(id=id_, urn=self.urn(token), properties=struct(state)))

    def invoke(self, token: str) -> dict[str, Any]:
        answer = self.stub.Invoke(provider_pb2.InvokeRequest(tok=token))
        return plain(getattr(answer, "return"))


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = plugin.install(tmp_path_factory.mktemp("home"))
    launcher = [str(folder / "pulumi-resource-aws"), "127.0.0.1:1"]
    # Whatever keys the user has, only the stack's configuration counts.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    with subprocess.Popen(launcher, stdout=subprocess.PIPE, env=environment, cwd="/") as process:
        assert process.stdout
        port = int(process.stdout.readline())
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield provider_pb2_grpc.ResourceProviderStub(channel)
        process.kill()


@pytest.fixture(scope="module")
def engine(stub: Any, aws: LocalAws) -> Engine:
    endpoints = json_format.MessageToJson(struct(dict.fromkeys(SERVICES, aws.endpoint)))
    config = {
        "region": "us-east-1",
        "accessKey": "test",
        "secretKey": "test",
        "endpoints": f"[{endpoints}]",
        "skipMetadataApiCheck": "true",
        "version": plugin.VERSION,
    }
    stub.Configure(provider_pb2.ConfigureRequest(args=struct(config)))
    return Engine(stub)


def test_the_plugin_is_installed_beside_awss_own_and_never_over_it(tmp_path: Path) -> None:
    own = tmp_path / "aws-plugin"
    own.mkdir()
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "plugins").symlink_to(own)
    folder = plugin.install(tmp_path / "home")
    assert (folder / "pulumi-resource-aws").exists()
    assert list(own.iterdir()) == []


def test_the_plugin_is_installed_where_the_engine_looks(tmp_path: Path) -> None:
    folder = plugin.install(tmp_path)
    assert folder == tmp_path / "plugins" / f"resource-aws-v{plugin.VERSION}"
    assert os.access(folder / "pulumi-resource-aws", os.X_OK)


def test_configuration_is_checked_before_it_is_used(stub: Any) -> None:
    request = provider_pb2.CheckRequest(news=struct({"region": "us-east-1", "profile": "mine"}))
    answer = stub.CheckConfig(request)
    assert [failure.reason for failure in answer.failures] == [
        "aws:accessKey is not set: pulumi config set aws:accessKey VALUE"
    ]


class TestCheck:
    def test_names_every_property_that_is_wrong(self, engine: Engine) -> None:
        failures = engine.failures(STREAM, {"name": "events", "shardCount": 0, "colour": "red"})
        assert [key for key, _ in failures] == ["colour", "shardCount"]

    def test_rejects_a_type_that_is_not_implemented(self, engine: Engine) -> None:
        assert "type" in engine.failures("aws:sqs/queue:Queue", {})[0][1]

    def test_passes_what_a_preview_does_not_know(self, engine: Engine) -> None:
        assert engine.failures(KEY, {"user": rpc.UNKNOWN}) == []

    def test_keeps_a_generated_name(self, engine: Engine) -> None:
        first = plain(engine.check(TOPIC, {}).inputs)
        assert first["name"].startswith("thing-")
        assert plain(engine.check(TOPIC, {}, {"name": "thing-before"}).inputs)["name"] == "thing-before"


class TestPreview:
    def test_creates_nothing_and_leaves_unknown_what_is_unknown(self, engine: Engine, aws: LocalAws) -> None:
        name = unique("preview")
        id_, state = engine.create(USER, preview=True, name=name)
        assert (id_, state["name"]) == ("", name)
        assert "arn" not in state
        assert name not in [user["UserName"] for user in aws.client("iam").list_users()["Users"]]
        _, key = engine.create(KEY, preview=True, user=rpc.UNKNOWN)
        assert key["user"] == rpc.UNKNOWN

    def test_changes_nothing_and_keeps_what_stays(self, engine: Engine, aws: LocalAws) -> None:
        id_, state = engine.create(TOPIC, name=unique("preview"))
        foreseen = engine.update(TOPIC, id_, state, preview=True, name=state["name"], tags={"a": "b"})
        assert (foreseen["tags"], foreseen["arn"]) == ({"a": "b"}, state["arn"])
        assert aws.client("sns").list_tags_for_resource(ResourceArn=id_)["Tags"] == []
        engine.delete(TOPIC, id_, state)

    def test_of_an_update_keeps_the_name_that_aws_made_from_a_prefix(self, engine: Engine) -> None:
        id_, state = engine.create(BUCKET, bucketPrefix="preview-")
        foreseen = engine.update(BUCKET, id_, state, preview=True, bucketPrefix="preview-", tags={"a": "b"})
        assert foreseen["bucket"] == id_
        engine.delete(BUCKET, id_, state)


class TestLife:
    def test_of_a_resource(self, engine: Engine) -> None:
        name = unique("life")
        id_, state = engine.create(TOPIC, name=name, tags={"a": "b"})
        unchanged = engine.diff(TOPIC, id_, state, name=name, tags={"a": "b"})
        assert unchanged.changes == provider_pb2.DiffResponse.DIFF_NONE

        changed = engine.diff(TOPIC, id_, state, name=name, tags={"a": "c"})
        assert (list(changed.diffs), list(changed.replaces)) == (["tags"], [])
        state = engine.update(TOPIC, id_, state, name=name, tags={"a": "c"})
        assert state["tags"] == {"a": "c"}

        engine.delete(TOPIC, id_, state)
        engine.delete(TOPIC, id_, state)  # no error
        assert engine.read(TOPIC, id_, state, {"name": name}).id == ""

    def test_replaces_where_aws_cannot_rename(self, engine: Engine) -> None:
        id_, state = engine.create(TOPIC, name=unique("old"))
        renamed = engine.diff(TOPIC, id_, state, name=unique("new"))
        assert list(renamed.replaces) == ["name"]
        assert not renamed.deleteBeforeReplace
        engine.delete(TOPIC, id_, state)

    def test_deletes_first_where_the_name_stays(self, engine: Engine) -> None:
        table: dict[str, Any] = {
            "hashKey": "a",
            "attributes": [{"name": "a", "type": "S"}],
            "billingMode": "PAY_PER_REQUEST",
        }
        id_, state = engine.create(TABLE, name=unique("table"), **table)
        other = table | {"hashKey": "b", "attributes": [{"name": "b", "type": "S"}]}
        moved = engine.diff(TABLE, id_, state, name=state["name"], **other)
        assert list(moved.replaces) == ["hashKey"]
        assert moved.deleteBeforeReplace
        engine.delete(TABLE, id_, state)

    def test_ignores_the_changes_that_it_is_told_to(self, engine: Engine) -> None:
        id_, state = engine.create(TOPIC, name=unique("ignored"))
        news = engine.check(TOPIC, {"name": state["name"], "tags": {"a": "b"}}, state).inputs
        request = provider_pb2.DiffRequest(
            id=id_, urn=engine.urn(TOPIC), olds=struct(state), news=news, ignoreChanges=["tags"]
        )
        assert engine.stub.Diff(request).changes == provider_pb2.DiffResponse.DIFF_NONE
        engine.delete(TOPIC, id_, state)


class TestRefresh:
    def test_sees_what_was_changed_by_hand(self, engine: Engine, aws: LocalAws) -> None:
        name = unique("drift")
        id_, state = engine.create(USER, name=name)
        aws.client("iam").tag_user(UserName=name, Tags=[{"Key": "by", "Value": "hand"}])
        found = engine.read(USER, id_, state, {"name": name})
        assert plain(found.inputs)["tags"] == {"by": "hand"}
        repair = engine.diff(USER, id_, plain(found.properties), name=name)
        assert list(repair.diffs) == ["tags"]
        state = engine.update(USER, id_, plain(found.properties), name=name)
        assert state["tags"] == {}
        engine.delete(USER, id_, state)


def test_secret_of_an_access_key_is_marked(engine: Engine) -> None:
    user, user_state = engine.create(USER, name=unique("user"))
    id_, state = engine.create(KEY, user=user)
    assert state["secret"].items() >= SECRET.items()
    engine.delete(KEY, id_, state)
    engine.delete(USER, user, user_state)


def test_an_error_of_aws_is_shown_in_its_own_words(engine: Engine) -> None:
    with pytest.raises(grpc.RpcError) as error:
        engine.create(KEY, user=unique("nobody"))
    details = error.value.details()
    assert "NoSuchEntity" in details
    assert "Traceback" not in details
    assert "File " not in details


def test_functions_tell_who_and_where(engine: Engine) -> None:
    assert engine.invoke("aws:index/getCallerIdentity:getCallerIdentity")["accountId"] == "000000000000"
    assert engine.invoke("aws:index/getRegion:getRegion")["region"] == "us-east-1"
    assert engine.invoke("aws:index/getPartition:getPartition")["partition"] == "aws"
    with pytest.raises(grpc.RpcError, match="getAmi is not implemented"):
        engine.invoke("aws:index/getAmi:getAmi")


def test_ends_with_an_engine_that_is_killed(tmp_path: Path) -> None:
    launcher = plugin.install(tmp_path) / "pulumi-resource-aws"
    engine = [sys.executable, "-c", "import subprocess, sys; subprocess.run(sys.argv[1:])"]
    with subprocess.Popen([*engine, str(launcher), "127.0.0.1:1"], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()  # the port: it serves
        process.kill()
        assert process.stdout.read() == b""  # which ends when nobody holds the pipe any more


def test_version_is_the_one_that_the_sdk_asks_for(stub: Any) -> None:
    assert stub.GetPluginInfo(empty_pb2.Empty()).version == plugin.VERSION
