"""Updates in place, rotation of the key, and drift."""

import json
import threading
from typing import Any, Self

import pytest
from botocore.exceptions import ClientError

from local.aws.local_aws import LocalAws
from tests.engine.stack import TWEET, Project
from tests.waiting import eventually

ROW = {"Username": {"S": "mira"}, "Id": {"S": "1"}}


def test_updates_in_place_change_what_they_should_and_keep_the_rows(project: Project) -> None:
    stack = project.stack("changing")
    stack.up()
    table = project.aws.client("dynamodb")
    table.put_item(TableName="changing-EventData", Item=ROW)

    stack.configure(streamShards=2, mappingBatchSize=100)
    assert stack.up().done == {"update": {"stream-stream", "processor-mapping"}}
    stack.configure(functionMemory=512)
    assert stack.up().done == {"update": {"processor-function", "processor-live"}}
    stack.configure(itemLifetimeDays=30)
    assert stack.up().done == {"update": {"table-table", "processor-function", "processor-live"}}
    with (project.folder / "handler" / "app.py").open("a") as module:
        module.write("\n# changed\n")
    assert stack.up().done == {"update": {"processor-function", "processor-live"}}
    stack.up("--expect-no-changes")

    stream = project.aws.client("kinesis").describe_stream_summary(StreamName="changing-EventStream")
    assert stream["StreamDescriptionSummary"]["OpenShardCount"] == 2
    function = project.aws.client("lambda").get_function_configuration(
        FunctionName="changing-DDBEventProcessor"
    )
    assert function["MemorySize"] == 512
    lifetime = table.describe_time_to_live(TableName="changing-EventData")["TimeToLiveDescription"]
    assert lifetime == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ExpiresAt"}
    assert table.scan(TableName="changing-EventData")["Items"] == [ROW]


def test_a_rotation_leaves_no_moment_without_a_valid_key(project: Project) -> None:
    stack = project.stack("rotating")
    stack.up()
    old = stack.outputs()

    with Putting(project.aws, old) as producer:
        stack.configure(accessKeySerial=2, accessKeyKeepPrevious=True)
        assert stack.up().done == {"create": {"producer-key-even"}}
        new = stack.outputs()
        assert new["access_key"] != old["access_key"]
        producer.outputs = new  # python -m producer configure, and a restart
        stack.configure(accessKeyKeepPrevious=False)
        assert stack.up().done == {"delete": {"producer-key-odd"}}
    assert producer.put > 10
    assert producer.errors == []

    put(project.aws, new)
    with pytest.raises(ClientError, match=r"security token|InvalidClientTokenId|UnrecognizedClient"):
        put(project.aws, old)

    # Without keeping the previous one, the new key is there before the old one goes, all the same.
    stack.configure(accessKeySerial=3)
    hasty = stack.up()
    assert hasty.done == {"create": {"producer-key-odd"}, "delete": {"producer-key-even"}}
    assert hasty.text.index("producer-key-odd created") < hasty.text.index("producer-key-even deleting")


def test_rotating_twice_with_the_previous_key_kept_never_needs_a_third_key(project: Project) -> None:
    stack = project.stack("hurried")
    stack.up()
    iam = project.aws.client("iam")
    for serial in (2, 3, 4):
        before = stack.outputs()["access_key"]
        stack.configure(accessKeySerial=serial, accessKeyKeepPrevious=True)
        stack.up()
        keys = iam.list_access_keys(UserName="hurried-EventProducer")["AccessKeyMetadata"]
        assert {key["AccessKeyId"] for key in keys} == {before, stack.outputs()["access_key"]}
        put(project.aws, stack.outputs())


class Putting(threading.Thread):
    """Puts records continuously with the keys of the outputs, which may change meanwhile."""

    def __init__(self, aws: LocalAws, outputs: dict[str, Any]) -> None:
        super().__init__()
        self.aws = aws
        self.outputs = outputs
        self.put = 0
        self.errors: list[ClientError] = []
        self._stopping = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self.join()

    def run(self) -> None:
        while not self._stopping.wait(0.05):
            try:
                put(self.aws, self.outputs)
                self.put += 1
            except ClientError as error:
                self.errors.append(error)


def put(aws: LocalAws, outputs: dict[str, Any]) -> None:
    """Put a record with the keys of some outputs."""
    kinesis = aws.client("kinesis", access_key=outputs["access_key"], secret_key=outputs["secret_access_key"])
    kinesis.put_record(StreamName=outputs["stream_name"], Data=TWEET, PartitionKey="mira")


def test_a_refresh_shows_what_was_changed_by_hand_and_up_repairs_it(project: Project) -> None:
    stack = project.stack("drifting")
    stack.up()
    functions = project.aws.client("lambda")
    (mapping,) = functions.list_event_source_mappings(FunctionName="drifting-DDBEventProcessor")[
        "EventSourceMappings"
    ]
    functions.delete_event_source_mapping(UUID=mapping["UUID"])
    name = "drifting-DDBEventProcessor"
    eventually(lambda: not functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"])
    iam = project.aws.client("iam")
    wide = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.put_user_policy(
        UserName="drifting-EventProducer", PolicyName="PutOnStream", PolicyDocument=json.dumps(wide)
    )

    drift = stack.run("refresh", "--yes", "--skip-preview").done
    assert drift["delete"] == {"processor-mapping"}
    assert drift["update"] == {"producer-policy"}

    repaired = stack.up().done
    assert repaired["create"] == {"processor-mapping"}
    assert "producer-policy" in repaired["update"]
    policy = iam.get_user_policy(UserName="drifting-EventProducer", PolicyName="PutOnStream")
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Action"] == ["kinesis:PutRecord", "kinesis:PutRecords"]
    stack.up("--expect-no-changes")
