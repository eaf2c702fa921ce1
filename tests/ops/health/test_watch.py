"""`watch`: the stack at work, on a screen and on a pipe."""

import json
import re
import shlex
import signal
import sys
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.screen import Screen

from event.types.tweet import EVENT
from ops.aws.stack import Stack
from ops.explore.row import Row
from ops.health.check import Check, State, wrap_remedy
from ops.health.frame import FIGURES, EventStatus, Frame, FrameDocument
from ops.health.metrics import Series
from ops.health.watch import Watch, WholeScreen
from tests.ops.schemas import check_document
from tests.ops.stack import DeployedStack, tombstone, tweet
from tests.terminal import Terminal
from tests.waiting import eventually

NOW = 1_795_521_600.5
WATCHING = (
    *("cloudwatch:GetMetricData", "dynamodb:BatchGetItem"),
    *("kinesis:ListShards", "kinesis:GetShardIterator", "kinesis:GetRecords"),
)
"""What an operator needs at least."""


def frame(
    period: int = 1, age: int = 1, problems: int = 1, tweets: int = 9, shards: int = 1, open_shards: int = 1
) -> Frame:
    """A frame whose newest figures ended `age` seconds ago."""
    end = int(NOW) - age
    points = tuple((float(end - back * period), float(60 - back)) for back in reversed(range(1, 61)))
    bad = [Check("Alarms", State.BAD, "dev-IteratorAge in ALARM " * 9, "next") for _ in range(problems)]
    text = "水上的灯比天上的星多一盏 \N{FAMILY}\u200d\N{WOMAN} " * 20
    row = Row(EVENT, ("a_user_whose_name_is_long", "1", "2026-11-24T12:00:00.000Z", text))
    return Frame(
        taken=NOW,
        where="dev-EventStream → dev-DDBEventProcessor → dev-EventData  us-east-1",
        period=period,
        series=dict.fromkeys(FIGURES, Series(points)),
        checks=[*bad, *(Check(f"Check {number}", State.OK, "fine") for number in range(12))],
        checked=NOW - age,
        event=EVENT,
        newest=[EventStatus(row, stored=number > 1) for number in range(tweets)],
        shards=[f"shardId-{number:012}" for number in range(shards)],
        open_shards=open_shards,
        note="Local AWS: metrics by the second. Ctrl-C ends.",
        status="python -m ops status --stack=dev",
    )


def drawn(frame: Frame, width: int, height: int = 24, *, whole_screen: bool = False) -> list[str]:
    console = Console(width=width, height=height, color_system=None)
    with console.capture() as capture:
        console.print(Screen(WholeScreen(frame)) if whole_screen else frame, end="")
    return [line.rstrip() for line in capture.get().rstrip().splitlines()]


@pytest.mark.parametrize("width", [80, 100, 140])
@pytest.mark.parametrize("problems", [0, 1, 9])
@pytest.mark.parametrize("open_shards", [1, 2000])
def test_a_frame_fits_a_terminal_of_24_lines(width: int, problems: int, open_shards: int) -> None:
    for whole_screen in (False, True):
        lines = drawn(frame(problems=problems, open_shards=open_shards), width, whole_screen=whole_screen)
        assert len(lines) <= 24
        assert all(cell_len(line) <= width for line in lines)
        assert any(line.startswith("…  12:00:00  a_user_whose_n…") for line in lines)


def test_a_frame_shows_rates_per_second_and_how_old_each_figure_is() -> None:
    by_second, by_minute = drawn(frame(), 100), drawn(frame(period=60, age=95), 100)
    assert by_second[1].split()[:2] == ["put", "54/s"]  # the mean of 50 to 59
    assert by_second[1].split()[-3:] == ["1", "s", "ago"]
    assert by_minute[1].split()[:2] == ["put", "1.0/s"]
    assert by_minute[1].split()[-3:] == ["95", "s", "ago"]
    assert "checks, 95 s ago" in "\n".join(by_minute)
    lag = next(line for line in by_second if line.startswith("lag"))
    assert lag.split()[1:3] == ["0.1", "s"]  # from milliseconds


def test_a_frame_shows_what_the_filters_drop_below_what_was_put() -> None:
    plain = frame()
    filtering = replace(plain, series={**plain.series, "filtered": Series(((NOW - 2, 13.0), (NOW - 1, 7.0)))})
    lines = drawn(filtering, 100)
    assert [lines[1].split()[:2], lines[2].split()[:2]] == [["put", "54/s"], ["filtered", "10/s"]]
    assert ", filtered 10/s (0 s ago)" in filtering.line()
    assert filtering.as_data()["figures"]["filtered"]["newest"] == 10


def test_a_rate_is_the_same_for_the_same_events_in_batches_of_any_size() -> None:
    start = int(NOW) - 60
    steady = Series(tuple((float(start + second), 50.0) for second in range(60)))
    batches = Series(tuple((float(start + second), 250.0) for second in range(4, 60, 5)))
    now = replace(frame(), series={"put": steady, "received": batches})
    assert now.figure("put") == now.figure("received") == 50
    put, received = (line.split() for line in drawn(now, 100)[1:3])
    assert (put[1], received[1]) == ("50/s", "50/s")
    burst = replace(now, series={"put": Series(((NOW - 1, 500.0),))})
    assert burst.figure("put") == 500, "there is only one second to take the mean of"


@pytest.mark.parametrize(("width", "height"), [(60, 20), (80, 24), (120, 24)])
def test_the_last_line_of_a_screen_says_that_aws_cannot_be_read_and_commands_are_whole(
    width: int, height: int
) -> None:
    note = "AWS cannot be read, this is older: the security token included in the request is expired"
    bad = [
        Check(
            f"Bad {number}",
            State.BAD,
            "dev-Errors in ALARM " * 9,
            f"`python -m ops rollback --stack=dev --to {number}`; else "
            f"`aws logs tail /aws/lambda/dev --since {number}m`, then `pulumi up --refresh --stack dev`",
        )
        for number in range(5)
    ]
    checks = [*bad, *frame().checks]
    lines = drawn(replace(frame(), checks=checks, note=note), width, height, whole_screen=True)
    assert len(lines) <= height
    assert " ".join("\n".join(lines).split()).endswith(note)
    begun = [line for line in lines if "rollback --stack=dev --to" in line]
    assert begun
    for last_part in ("aws logs tail /aws/lambda/dev --since", "pulumi up --refresh --stack dev"):
        assert len([line for line in lines if last_part in line]) == len(begun)
    assert any(line.endswith(" more: python -m ops status --stack=dev") for line in lines)

    long = f"python -m ops status --outputs=/{'folder/' * 12}outputs.json --endpoint=http://127.0.0.1:4566"
    lines = drawn(replace(frame(), checks=checks, note=note, status=long), width, height, whole_screen=True)
    assert len(lines) <= height
    assert " ".join("\n".join(lines).split()).endswith(note)
    assert long.replace(" ", "") in "".join("".join(lines).replace("\\", "").split())


def test_a_remedy_that_does_not_fit_a_line_is_broken_so_that_it_can_be_pasted() -> None:
    command = "python -m ops quarantine redrive --outputs=.pulumi/local-4566/outputs.json --reason=discarded"
    lines = list(wrap_remedy(f"fix the cause, then `{command}`", 60))
    assert all(len(line) <= 60 for line in lines)
    assert lines[0] == "    → fix the cause, then"
    assert shlex.split("\n".join(lines[1:]).replace("\\\n", "")) == shlex.split(command)


def test_a_remedy_whose_path_is_longer_than_a_line_is_broken_within_it_and_can_be_pasted() -> None:
    command = f"python -m ops replay --outputs=/{'folder/' * 12}outputs.json --from=1h"
    for width in range(40, 110):
        lines = list(wrap_remedy(f"fix it, then `{command}`", width))
        assert all(len(line) <= width for line in lines)
        assert not any(line.strip() == "\\" for line in lines)
        pasted = "\n".join(lines).partition("then")[2].replace("`", "").replace("\\\n", "")
        assert shlex.split(pasted) == shlex.split(command)


@pytest.mark.parametrize(("columns", "lines"), [(60, 20), (80, 24), (120, 40)])
def test_the_screen_holds_while_events_are_in_scripts_whose_marks_have_a_column_each(
    fresh: DeployedStack, columns: int, lines: int
) -> None:
    text = "தமிழ் மொழி மிகவும் பழமையான மொழி, हिन्दी में एक लंबा वाक्य, বাংলা ভাষায় একটি দীর্ঘ বাক্য " * 3
    fresh.put(*(tweet("நிலா மொழி", number, text=text) for number in range(9)))
    command = [sys.executable, "-m", "ops", "watch", *fresh.options]
    with Terminal(command, columns=columns, lines=lines) as terminal:
        terminal.shows("  ந◌ல")
        terminal.shows("Ctrl-C ends.")
        shown = [line for line in terminal.text.splitlines() if line]
    assert shown[0].startswith(f"{fresh.outputs['stream_name']} → ")
    assert shown[-1] == "Local AWS: metrics by the second. Ctrl-C ends."
    events = [line for line in shown if "ந◌ல" in line]
    assert events
    assert all(line.startswith(("✔  ", "…  ")) for line in events)


def test_watching_shows_what_the_mappings_filters_drop(stack: DeployedStack, user: str) -> None:
    assert "filtered" not in stack.json("watch", "--once")["figures"]
    with stack.mapping(FilterCriteria={"Filters": [{"Pattern": '{"data": {"lang": ["en"]}}'}]}):

        def shows_it() -> bool:
            stack.put(tweet(user, 1, lang="de"))
            return bool(stack.json("watch", "--once")["figures"]["filtered"]["newest"])

        eventually(shows_it)
        with stack.operator(*WATCHING) as environment:
            figures = json.loads(stack.ops_as(environment, "watch", "--once", "--json").stdout)["figures"]
    assert "filtered" not in figures, "the operator may not list the mappings"
    assert figures["put"]["newest"] is not None


def test_the_chart_moves_with_time() -> None:
    (early, late) = (drawn(frame(age=age), 100)[1] for age in (1, 5))
    assert early.rindex("█") - late.rindex("█") == 4  # a column a second


def test_the_value_of_a_period_that_is_not_over_is_not_shown_as_a_rate() -> None:
    half = Series(((NOW - 1.5, 100.0), (NOW - 0.5, 3.0)))
    now = Frame(NOW, "dev", 1, {"put": half}, [], NOW, EVENT, [], [], 1, "", "")
    assert now.figure("put") == 100


def test_a_frame_says_which_shards_its_tweets_are_of_when_not_all_are_read() -> None:
    scattered = replace(frame(open_shards=2000), shards=[f"shardId-{n:012}" for n in (9, 3, 4, 5)])
    assert "Tweets of 4 of 2,000 open shards: 3-5, 9" in drawn(scattered, 80)
    assert "No tweet on these shards in the last minute." in drawn(replace(scattered, newest=[]), 80)
    assert not any("shards" in line for line in drawn(frame(shards=16, open_shards=16), 80))


def test_a_watch_reads_some_of_the_shards_of_a_large_stream_and_says_which(stack: DeployedStack) -> None:
    stack.kinesis.create_stream(StreamName="large", ShardCount=17)
    try:
        shards = stack.json("watch", "--once", "--stream-name", "large")["shards"]
        assert shards == {"read": [f"shardId-{number:012}" for number in range(16)], "open": 17}
        screen = stack.ops("watch", "--once", "--stream-name", "large", env={"COLUMNS": "100"}).stdout
        assert "Tweets of 16 of 17 open shards: 0-15\n" in screen
    finally:
        stack.kinesis.delete_stream(StreamName="large")


def test_watching_shows_what_was_put_received_and_stored(stack: DeployedStack, user: str) -> None:
    stack.put(tweet(user, 1), tweet(user, 2))

    def shows_it() -> bool:
        data = stack.json("watch", "--once")
        mine = [each for each in data["tweets"] if each["username"] == user]
        figures = data["figures"]
        return (
            [each["id"] for each in mine] == ["2", "1"]
            and all(each["stored"] for each in mine)
            and all(figures[name]["newest"] is not None for name in ("put", "received", "stored", "lag"))
            and figures["put"]["age_seconds"] < 60
        )

    eventually(shows_it)

    def draws_it() -> bool:
        stack.put(tweet(user, 3))  # of what other tests put in the last minute, too, it shows a sample
        screen = stack.ops("watch", "--once", env={"COLUMNS": "100"}).stdout
        assert "dev-EventStream → dev-DDBEventProcessor" in screen
        return user in screen

    eventually(draws_it)


def test_watching_forgets_what_was_deleted_and_status_counts_it(stack: DeployedStack, user: str) -> None:
    stack.put(tweet(user, 1), tweet(user, 2), tombstone(user, 1), key=user)

    def watched() -> list[tuple[str, bool]]:
        data = stack.json("watch", "--once")
        return [(each["id"], each["stored"]) for each in data["tweets"] if each["username"] == user]

    eventually(lambda: watched() == [("2", True)])

    def counted() -> str:
        checks = {check["name"]: check["text"] for check in stack.json("status")["checks"]}
        return str(checks["Tweets"])

    eventually(lambda: re.search(r" duplicates? in one batch, \d+ deleted", counted()))


def test_a_frame_on_a_pipe_is_a_line_that_names_every_figure_and_failed_check() -> None:
    line = frame().line()
    assert line.startswith("2026-11-24T12:00:00Z  put 54/s (1 s ago), received 54/s (1 s ago), stored")
    assert line.endswith("; Alarms bad")
    assert "\n" not in line


def test_each_frame_is_a_json_line_until_ctrl_c(stack: DeployedStack) -> None:
    process = stack.ops_process("watch", "--json")
    assert process.stdout
    lines = [process.stdout.readline() for _ in range(2)]
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    assert (process.returncode, errors) == (0, "")
    for line in lines:
        check_document(line, FrameDocument)


def test_a_watch_continues_while_aws_fails_and_says_that_its_figures_are_old(stack: DeployedStack) -> None:
    watch = Watch(Stack({}, lambda: stack.outputs, stack.aws.endpoint), interval=0.001)
    before = watch.look()
    stack.aws.faults.set("kinesis:GetRecords", error=1)
    during = watch.look()
    stack.aws.faults.clear()
    assert during.note.startswith("AWS cannot be read, this is older: ")
    assert [each.row for each in during.newest] == [each.row for each in before.newest]
    assert watch.look().note.startswith("Local AWS")


def test_the_charge_of_watching_is_shown_on_aws_alone(stack: DeployedStack) -> None:
    class OnAws(Stack):
        is_local = False

    watch = Watch(OnAws({}, lambda: stack.outputs, stack.aws.endpoint), interval=60)
    note = watch.look().note
    assert "up to two minutes late" in note
    metrics = 24 * 60
    assert f"${metrics * 0.01 / 1000:.3f} an hour (GetMetricData" in note
