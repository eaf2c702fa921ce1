"""A stack that reads a stream which exists: the whole path, and the guard of a stack's own stream and its records."""

import gzip
import re
import subprocess
from pathlib import Path

from local.aws.inventory import inventory
from local.aws.local_aws import LocalAws
from local.aws.server import REGION
from local.demo.contents import read_payloads
from stack.project import PROJECT
from tests.engine.record_state import RECORDED_ENDPOINT, RECORDED_FOLDER, STATES
from tests.engine.stack import TWEET, Project, Result, Stack
from tests.engine.test_keys import detach
from tests.waiting import eventually


def create_stream(aws: LocalAws, name: str) -> str:
    """Create a stream as another program would have; return its ARN."""
    kinesis = aws.client("kinesis")
    kinesis.create_stream(StreamName=name, ShardCount=1)
    kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1})
    arn: str = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]
    return arn


def rows(aws: LocalAws, stack: str) -> set[str]:
    """Return the ids in a stack's table."""
    items = aws.client("dynamodb").scan(TableName=f"{stack}-EventData")["Items"]
    return {item["Id"]["S"] for item in items}


def put(aws: LocalAws, stream: str, number: int, **keys: str) -> None:
    """Put a tweet of this id, as the account's administrator or with a producer's key."""
    data = TWEET.replace(b'"1"', b'"%d"' % number)
    aws.client("kinesis", **keys).put_record(StreamName=stream, Data=data, PartitionKey="mira")


def rejected(stack: Stack) -> str:
    """Try the change as a person does and as a workflow does: nothing is done; return what the engine shows."""
    tried: list[Result] = [stack.run("preview", fails=True), stack.up(fails=True)]
    assert [result.done for result in tried] == [{}, {}]
    shown = {result.text.partition("error: The stack has its own stream")[2] for result in tried}
    assert all(shown)
    return tried[0].text


def test_a_stack_reads_a_stream_that_exists_leaves_it_and_goes_back_to_its_own(project: Project) -> None:
    aws = project.aws
    arn = create_stream(aws, "orders-in")
    put(aws, "orders-in", 1)
    stack = project.stack("reading", streamArn=arn)
    created = stack.up().done["create"]
    assert not {"stream", "stream-stream"} & created
    outputs = stack.outputs()
    assert (outputs["stream_name"], outputs["stream_arn"]) == ("orders-in", arn)
    keys = {"access_key": outputs["access_key"], "secret_key": outputs["secret_access_key"]}
    put(aws, "orders-in", 2, **keys)
    eventually(lambda: rows(aws, "reading") == {"1", "2"})
    stack.up("--expect-no-changes")

    stack.configure(streamArn="")
    done = stack.up().done
    assert done["create"] == {"stream", "stream-stream"}
    assert done["create-replacement"] == done["delete-replaced"] == {"processor-mapping"}
    assert "delete" not in done
    put(aws, "reading-EventStream", 3)
    eventually(lambda: rows(aws, "reading") == {"1", "2", "3"})

    stack.configure(streamArn=arn)
    assert "reading-EventStream, which streamArn would delete with its records" in rejected(stack)
    stack.configure(streamArn="")
    stack.up("--expect-no-changes")
    stack.destroy()
    kinesis = aws.client("kinesis")
    assert kinesis.describe_stream_summary(StreamName="orders-in")["StreamDescriptionSummary"]
    kinesis.delete_stream(StreamName="orders-in")


def test_a_stream_of_release_1_0_0_is_not_deleted_by_the_setting(project: Project, tmp_path: Path) -> None:
    recorded = gzip.decompress((STATES / "1.0.0.json.gz").read_bytes()).decode()
    state = tmp_path / "state.json"
    state.write_text(
        recorded.replace(RECORDED_ENDPOINT, project.aws.endpoint).replace(
            RECORDED_FOLDER, str(project.folder)
        )
    )
    arn = "arn:aws:kinesis:us-east-1:000000000000:stream/orders-in"
    stack = project.stack("dev", like="dev", streamArn=arn)
    stack.run("stack", "import", "--file", str(state))
    assert "dev-EventStream, which streamArn would delete with its records" in rejected(stack)


def test_a_stack_gives_its_stream_up_and_continues_to_read_it_without_a_gap(project: Project) -> None:
    aws = project.aws
    stack = project.stack("giving", protect=True, quarantineForceDestroy=True)
    stack.up()
    put(aws, "giving-EventStream", 1)
    eventually(lambda: rows(aws, "giving") == {"1"})
    arn = stack.outputs()["stream_arn"]
    stack.configure(streamArn=arn)

    message = rejected(stack)
    detach(stack, message)
    # The component, which is in the state alone, and the alarm, which counts the mapping's own polls now.
    assert stack.up().done == {"delete": {"stream"}, "update": {"monitoring-StreamNotRead"}}
    put(aws, "giving-EventStream", 2)
    eventually(lambda: rows(aws, "giving") == {"1", "2"})
    stack.configure(protect=False)
    stack.up()
    stack.destroy()
    assert len(list(read_payloads(aws, "giving-EventStream"))) == 2
    aws.client("kinesis").delete_stream(StreamName="giving-EventStream")


def test_the_page_reads_a_stream_that_exists_as_printed(project: Project) -> None:
    page = (PROJECT / "docs" / "existing-stream.md").read_text()
    [block] = re.findall(
        r"<!-- tests/engine/test_existing_stream.py .*?-->\n```bash\n(.*?)```", page, re.DOTALL
    )
    session = subprocess.run(
        ["bash", "-uxo", "pipefail", "-c", block],  # without -e: the age of the records is this machine's
        cwd=project.folder,
        env=project.engine.environment()
        | {
            "AWS_ENDPOINT_URL": project.aws.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert session.returncode == 0, session.stdout + session.stderr
    tweets = len((PROJECT / "local" / "tweets.jsonl").read_text().splitlines())
    for shown in (
        "tweets-in ACTIVE, provisioned, 1 shard",
        f"{tweets} records = {tweets} handled by the function",
    ):
        assert shown in session.stdout, session.stdout + session.stderr
    assert inventory(project.aws, "reading") == []
    assert len(list(read_payloads(project.aws, "tweets-in"))) == tweets
    project.aws.client("kinesis").delete_stream(StreamName="tweets-in")
