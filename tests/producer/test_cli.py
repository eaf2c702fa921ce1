"""The producer as a process: what it sends, its output, how it ends, and what a crash leaves."""

import fcntl
import json
import os
import pty
import re
import signal
import socket
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner

from local.stubs.kinesis import Fault, away, no_faults
from local.x.server import CONSUMER_KEY, CONSUMER_SECRET, XServer
from producer import cli
from producer.cli import run_command
from stack.prices import show
from stack.project import PROJECT
from tests.producer.conftest import Produced, Producer, Stream, is_foreign, tweet, tweets
from tests.producer.sources.x.watched_x import TERM
from tests.waiting import eventually

Main = Callable[..., Produced]


@pytest.fixture
def main(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Main:
    """The command line in this process, which is faster than another."""

    for name in filter(is_foreign, list(os.environ)):
        monkeypatch.delenv(name)

    def run(*arguments: str, stdout: str | None = None) -> Produced:
        monkeypatch.setattr(sys, "argv", ["producer", *arguments])
        standard_output = os.dup(1)
        if stdout:
            there = os.open(stdout, os.O_WRONLY)
            os.dup2(there, 1)
            os.close(there)
        try:
            with pytest.raises(SystemExit) as end:
                cli.main()
        finally:
            os.dup2(standard_output, 1)
            os.close(standard_output)
        out, err = capfd.readouterr()
        code = end.value.code
        assert isinstance(code, int)
        return Produced(code, out.splitlines(), [json.loads(line) for line in err.splitlines()])

    return run


def counts(
    received: int = 0, replayed: int = 0, sent: int = 0, spooled: int = 0, rejected: int = 0, missing: int = 0
) -> dict[str, int]:
    return {
        "received": received,
        "replayed": replayed,
        "sent": sent,
        "spooled": spooled,
        "rejected": rejected,
        "missing": missing,
    }


def spooled(producer: Producer) -> int:
    """Records on disk."""
    return sum(path.read_bytes().count(b"\n") for path in producer.spool.rglob("*.log"))


def test_tweets_of_standard_input_arrive_and_bad_lines_are_counted(
    stream: Stream, producer: Producer
) -> None:
    done = producer.run("--source", "file", "-", text=tweets(range(700)) + "{bad\n" + tweet(700))

    assert (done.code, done.lines) == (1, [])
    assert done.counts == counts(received=702, sent=701, rejected=1)
    assert sorted(stream.ids, key=int) == [str(number) for number in range(701)]
    assert "Rejected line 701: not JSON" in done.messages
    stored = [json.loads(data) for _, data in stream.stub.order]
    assert next(record for record in stored if record["id"] == "3") == {
        "username": "author3",
        "id": "3",
        "created_at": "2026-11-23T14:41:28.000Z",
        "text": "tweet 3",
        "lang": "en",
        "source": "file",
        "version": 1,
    }
    assert spooled(producer) == 0


def test_a_dry_run_prints_the_records_and_needs_no_configuration(tmp_path: Path) -> None:
    producer = Producer(tmp_path, "")
    producer.config.unlink()

    done = producer.run("--source", "file", "-", "--dry-run", text=tweets(range(2)) + "bad\n")

    assert done.code == 1
    assert [json.loads(line)["id"] for line in done.lines] == ["0", "1"]
    assert {name: done.counts[name] for name in ("received", "printed", "rejected")} == {
        "received": 3,
        "printed": 2,
        "rejected": 1,
    }
    assert not producer.spool.exists()


def test_a_run_whose_lines_are_all_rejected_fails(
    stream: Stream, producer: Producer, main: Main, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text("not a tweet\n" * 3)

    sent = main("--source", "file", str(bad), "--config", str(producer.config))
    printed = main("--source", "file", str(bad), "--dry-run")

    assert (sent.code, sent.counts) == (1, counts(received=3, rejected=3))
    assert (printed.code, printed.lines) == (1, [])
    for done in (sent, printed):
        assert "Every item was rejected (3)." in done.messages


def test_a_dry_run_says_that_its_output_cannot_be_written(main: Main, tmp_path: Path) -> None:
    file = tmp_path / "tweets.jsonl"
    file.write_text(tweets(range(3)))

    done = main("--source", "file", str(file), "--dry-run", stdout="/dev/full")

    assert done.code == 1
    assert "Standard output cannot be written: No space left on device." in done.messages


def test_a_dry_run_cannot_command_the_terminal_that_it_prints_on(main: Main, tmp_path: Path) -> None:
    file = tmp_path / "tweets.jsonl"
    file.write_text(tweet(1, text="a\x9b2J\u202eb"))
    here, there = pty.openpty()

    done = main("--source", "file", str(file), "--dry-run", stdout=os.ttyname(there))
    shown = os.read(here, 65_536).decode()
    os.close(here)
    os.close(there)

    assert done.code == 0
    assert shown.rstrip().isprintable()
    assert json.loads(shown)["text"] == "a\x9b2J\u202eb"


def test_a_dry_run_can_be_read_again(main: Main, tmp_path: Path) -> None:
    file, again = tmp_path / "tweets.jsonl", tmp_path / "again.jsonl"
    file.write_text(tweet(1, text="a &amp;lt; b") + '{"id":"1","text":"whose?"}\n')

    first = main("--source", "file", str(file), "--dry-run")
    again.write_text("\n".join(first.lines))
    second = main("--source", "file", str(again), "--dry-run")

    assert (first.code, second.code) == (1, 0)
    assert first.lines == second.lines
    assert [(json.loads(line)["username"], json.loads(line)["text"]) for line in first.lines] == [
        ("author1", "a &lt; b")
    ]


def test_the_first_messages_name_the_target_and_the_overriding_variables(
    stream: Stream, producer: Producer, main: Main, monkeypatch: pytest.MonkeyPatch
) -> None:
    producer.configure("http://127.0.0.1:1", stream_name="another", secret_access_key="-")
    monkeypatch.setenv("PRODUCER_STREAM_NAME", "tweets")
    monkeypatch.setenv("PRODUCER_AWS_ENDPOINT", stream.url)
    monkeypatch.setenv("PRODUCER_SECRET_ACCESS_KEY", "the secret")
    file = producer.config.with_name("tweets.jsonl")
    file.write_text(tweet(1))

    done = main("--source", "file", str(file), "--config", str(producer.config))

    assert (done.code, stream.ids) == (0, ["1"])
    assert done.log[0]["message"] == f"file → stream tweets in eu-west-1 at {stream.url}"
    assert done.log[1]["message"] == (
        f"Environment variables override {producer.config}: "
        "PRODUCER_STREAM_NAME, PRODUCER_AWS_ENDPOINT, PRODUCER_SECRET_ACCESS_KEY."
    )
    assert "the secret" not in done.messages


@pytest.mark.parametrize("variable", ["PRODUCER_AWS_ENDPOINT", "PRODUCER_X_ENDPOINT"])
def test_an_endpoint_with_a_password_is_rejected_without_showing_the_password(
    producer: Producer, main: Main, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "http://ada:the+password/@127.0.0.1:1")
    producer.configure(
        "", consumer_key="a", consumer_secret="b", access_token_key="c", access_token_secret="d"
    )

    done = main("--track", "cat", "--config", str(producer.config))

    assert done.code == 2
    assert f"in {variable} contains a user name or a password" in done.messages
    assert "the+password" not in done.messages
    assert "ada" not in done.messages


def test_a_dry_run_ends_quietly_when_its_reader_has_enough(tmp_path: Path) -> None:
    producer = Producer(tmp_path, "")
    process = producer.start("--source", "file", "-", "--dry-run")
    assert process.stdin
    assert process.stdout
    process.stdin.write(tweet(0))
    process.stdin.flush()
    process.stdout.readline()
    process.stdout.close()
    process.stdin.write(tweets(range(3)))
    process.stdin.close()

    assert process.wait() == 0
    assert "Traceback" not in (process.stderr.read() if process.stderr else "")


def test_a_closed_standard_input_is_reported() -> None:
    done = subprocess.run(
        ["sh", "-c", f"exec '{sys.executable}' -m producer --source file - --dry-run <&-"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "Standard input is closed" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_script_does_the_same_from_any_directory(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, PROJECT / "producer" / "twitter2kinesis.py", "--source", "file", "-", "--dry-run"],
        cwd=tmp_path,
        input=tweet(1),
        capture_output=True,
        text=True,
        check=True,
    )

    assert json.loads(done.stdout)["id"] == "1"


def test_the_limit_counts_tweets(stream: Stream, producer: Producer) -> None:
    done = producer.run("--source", "file", "-", "--limit", "3", text="bad\n" + tweets(range(9)))

    assert (done.code, stream.ids) == (1, ["0", "1", "2"])
    assert done.counts == counts(received=4, sent=3, rejected=1)


def test_the_duration_ends_a_source_that_does_not_end(stream: Stream, producer: Producer) -> None:
    process = producer.start("--source", "file", "-", "--duration", "3")
    assert process.stdin
    process.stdin.write(tweet(1))
    process.stdin.flush()

    assert process.wait() == 0
    assert stream.ids == ["1"]


def test_the_duration_limits_a_run_whose_source_has_ended_and_whose_stream_is_unreachable(
    stream: Stream, producer: Producer
) -> None:
    stream.stub.faults = away
    impatient = "import producer.cli, producer.run; producer.run.FLUSH_SECONDS = 0.2; producer.cli.main()"
    process = producer.start("--source", "file", "-", "--duration", "3", program=("-c", impatient))

    done = producer.end(process, tweets(range(3)))

    assert (done.code, done.counts) == (1, counts(received=3, spooled=3))
    assert "3 tweets remain in" in done.messages


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_sends_the_waiting_tweets_and_ends_with_an_exact_summary(
    stream: Stream, producer: Producer, number: signal.Signals
) -> None:
    process = producer.start("--source", "file", "-", "--linger", "60000")
    assert process.stdin
    process.stdin.write(tweets(range(5)))
    process.stdin.flush()
    eventually(lambda: spooled(producer) == 5)

    process.send_signal(number)
    done = producer.end(process)

    assert (done.code, done.counts) == (0, counts(received=5, sent=5))
    assert len(stream.ids) == 5


@pytest.mark.usefixtures("ctrl_c_ignored")
def test_a_producer_in_a_scripts_background_ignores_ctrl_c_and_ends_in_order_by_sigterm(
    stream: Stream, producer: Producer
) -> None:
    process = producer.start("--source", "file", "-", "--linger", "60000")
    assert process.stdin
    process.stdin.write(tweets(range(2)))
    process.stdin.flush()
    eventually(lambda: spooled(producer) == 2)

    process.send_signal(signal.SIGINT)
    process.stdin.write(tweets(range(2, 5)))
    process.stdin.flush()
    eventually(lambda: spooled(producer) == 5)
    process.send_signal(signal.SIGTERM)
    done = producer.end(process)

    assert (done.code, done.counts) == (0, counts(received=5, sent=5))
    assert len(stream.ids) == 5


def test_a_second_signal_ends_the_run_at_once_and_the_next_run_sends_the_rest(
    stream: Stream, producer: Producer
) -> None:
    stream.stub.faults = away
    process = producer.start("--source", "file", "-")
    assert process.stdin
    process.stdin.write(tweets(range(5)))
    process.stdin.flush()
    eventually(lambda: stream.stub.calls)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)  # two of one kind may become one before they are handled
    done = producer.end(process)

    assert (done.code, done.counts) == (1, counts(received=5, spooled=5))
    assert "5 tweets remain in" in done.messages

    stream.stub.faults = no_faults
    again = producer.run("--source", "file", "-", text=tweets(range(5, 7)))

    assert (again.code, again.counts) == (0, counts(received=2, replayed=5, sent=7))
    assert stream.ids == [str(number) for number in range(7)]


def test_kill_9_in_the_middle_of_a_run_and_a_restart_lose_no_tweet(
    stream: Stream, producer: Producer
) -> None:
    stream.stub.faults = lambda call, _: None if call in (1, 2) else Fault(status=500)
    process = producer.start("--source", "file", "-", "--linger", "0")
    assert process.stdin
    process.stdin.write(tweets(range(3_000)))
    process.stdin.flush()
    eventually(lambda: stream.stub.order and spooled(producer))
    process.kill()
    process.communicate()
    stored, waiting = set(stream.ids), spooled(producer)
    assert 0 < len(stored) < 3_000
    stream.stub.faults = no_faults

    again = producer.run("--source", "file", "-", text=tweets(range(3_000, 3_100)))

    sent = {int(identifier) for identifier in stream.ids}
    unbroken = len(sent & set(range(3_000)))
    assert again.code == 0
    assert again.counts["replayed"] <= waiting
    assert again.counts["sent"] == again.counts["received"] + again.counts["replayed"]
    assert sent == set(range(unbroken)) | set(range(3_000, 3_100))
    assert unbroken >= waiting > 0


def test_an_outage_that_outlasts_kill_9_loses_no_tweet(stream: Stream, producer: Producer) -> None:
    stream.stub.faults = away
    process = producer.start("--source", "file", "-")
    assert process.stdin
    process.stdin.write(tweets(range(1_000)))
    process.stdin.flush()
    eventually(lambda: spooled(producer) == 1_000)
    process.kill()
    process.communicate()
    assert stream.ids == []
    stream.stub.faults = no_faults

    again = producer.run("--source", "file", "-")

    assert again.counts == counts(replayed=1_000, sent=1_000)
    assert sorted(stream.ids, key=int) == [str(number) for number in range(1_000)]


def test_tweets_that_wait_for_one_stream_never_go_to_another(stream: Stream, producer: Producer) -> None:
    producer.configure(stream.url, stream_name="missing")
    denied = producer.run("--source", "file", "-", text=tweet(1))
    assert (denied.code, denied.counts) == (1, counts(received=1, spooled=1))
    assert "Access key AKIAEXAMPLE is not allowed to write to stream missing" in denied.messages

    producer.configure(stream.url)
    done = producer.run("--source", "file", "-", text=tweet(2))

    assert (done.counts, stream.ids) == (counts(received=1, sent=1), ["2"])


def interrupt_before_it_sends(stream: Stream, producer: Producer, count: int) -> Path:
    """Leave tweets in a spool; return its segment."""
    stream.stub.faults = away
    process = producer.start("--source", "file", "-")
    assert process.stdin
    process.stdin.write(tweets(range(count)))
    process.stdin.flush()
    eventually(
        lambda: any(
            f",{count}]]".encode() in path.read_bytes() for path in producer.spool.rglob("cursor*.json")
        )
    )
    process.kill()
    process.communicate()
    stream.stub.faults = no_faults
    (segment,) = producer.spool.rglob("*.log")
    return segment


def test_tweets_that_a_damaged_line_took_are_missing_and_fail_the_run(
    stream: Stream, producer: Producer
) -> None:
    segment = interrupt_before_it_sends(stream, producer, 3)
    segment.write_bytes(segment.read_bytes().replace(b"tweet 1", b"tweet 9"))

    done = producer.run("--source", "file", "-")

    assert "The spool is damaged: 1 unreadable lines" in done.messages
    assert (done.code, done.counts) == (1, counts(replayed=3, sent=2, missing=1))
    assert stream.ids == ["0", "2"]


def test_a_cut_spool_fails_the_run_and_the_summary_counts_the_missing_tweets(
    stream: Stream, producer: Producer
) -> None:
    segment = interrupt_before_it_sends(stream, producer, 1_000)
    segment.write_bytes(b"".join(segment.read_bytes().splitlines(keepends=True)[:400]))

    done = producer.run("--source", "file", "-", text=tweet(1_000))

    assert (done.code, done.counts) == (1, counts(received=1, replayed=1_000, sent=401, missing=600))
    assert (
        "received 1 + replayed 1,000 = sent 401 + spooled 0 + rejected 0 + missing 600;"
        in done.log[-1]["text"]
    )
    assert "600 tweets of an earlier run are missing from" in done.messages
    assert producer.run("--source", "file", "-").code == 0


def test_a_spool_with_a_copy_of_a_segment_is_sent_and_reported(stream: Stream, producer: Producer) -> None:
    segment = interrupt_before_it_sends(stream, producer, 300)
    segment.with_name(f"{7:020d}.log").write_bytes(segment.read_bytes())

    done = producer.run("--source", "file", "-")

    assert (done.code, done.counts) == (0, counts(replayed=600, sent=600))
    assert len(re.findall("Segments of the spool .* overlap", done.messages)) == 1
    assert {int(number) for number in stream.ids} == set(range(300))


@pytest.mark.parametrize("change", ["cut", "deleted"])
def test_a_spool_that_is_changed_under_a_running_producer_ends_the_run(
    stream: Stream, producer: Producer, change: str
) -> None:
    segment = interrupt_before_it_sends(stream, producer, 20_000)
    stream.stub.faults = away
    before = len(stream.stub.calls)
    process = producer.start("--source", "file", "-")
    eventually(lambda: len(stream.stub.calls) > before)
    os.truncate(segment, 100) if change == "cut" else segment.unlink()
    stream.stub.faults = no_faults
    done = producer.end(process)

    assert done.code == 1
    assert "Another program has changed the spool" in done.messages
    numbers = done.counts
    assert numbers["replayed"] == numbers["sent"] + numbers["spooled"] == 20_000

    again = producer.run("--source", "file", "-")

    assert (again.code, again.counts["missing"]) == (1, numbers["spooled"])


def configure_for_x(producer: Producer, stream: Stream, x: XServer) -> None:
    producer.configure(
        stream.url,
        x_endpoint=x.url,
        consumer_key=CONSUMER_KEY,
        consumer_secret=CONSUMER_SECRET,
        access_token_key="-",
        access_token_secret="-",
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_tweets_of_x_arrive_and_our_rules_are_removed_after_a_signal(
    stream: Stream, producer: Producer, number: signal.Signals
) -> None:
    with XServer(count=50) as x:
        x.add_rule("#another", tag="of another program")
        configure_for_x(producer, stream, x)
        process = producer.start("--track", TERM)
        eventually(lambda: len(stream.ids) == 50)
        assert len(x.rules) == 2

        process.send_signal(number)
        done = producer.end(process)

        assert (done.code, done.counts) == (0, counts(received=50, sent=50))
        assert [rule.value for rule in x.rules] == ["#another"]


def test_a_budget_ends_the_run_in_order_and_the_summary_says_what_was_spent(
    stream: Stream, producer: Producer
) -> None:
    with XServer() as x:
        configure_for_x(producer, stream, x)
        done = producer.run("--track", TERM, "--budget", "0.5")
        assert x.rules == []

    summary = done.log[-1]
    assert 0.5 <= summary["spent"] < 0.55
    assert summary["text"].endswith(f"; spent up to {show(summary['spent'])} (estimate)")
    assert f"The budget is spent, by an estimate ({show(summary['spent'])}): reading ends." in done.messages
    assert (done.code, summary["sent"]) == (0, len(stream.ids))


def test_a_dry_run_of_x_says_what_was_spent(stream: Stream, producer: Producer) -> None:
    with XServer() as x:
        configure_for_x(producer, stream, x)
        done = producer.run("--track", TERM, "--limit", "2", "--dry-run")

    assert done.code == 0
    assert done.log[-1]["text"].startswith("received 2 = printed 2 + rejected 0; spent up to $0.0")


def test_a_closed_terminal_ends_the_run_in_order(stream: Stream, producer: Producer) -> None:
    with XServer(count=50) as x:
        configure_for_x(producer, stream, x)
        here, there = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "producer", "--track", TERM, "--config", str(producer.config)],
            cwd=PROJECT,
            env={**os.environ, "TERM": "xterm"},
            stdin=subprocess.DEVNULL,
            stdout=there,
            stderr=there,
        )
        os.close(there)
        while b"sent 50" not in re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", os.read(here, 65_536)):
            pass
        os.close(here)
        while process.poll() is None:  # the shell sends it, and so does the kernel
            process.send_signal(signal.SIGHUP)
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.01)

        assert process.returncode == 0
        assert x.rules == []


def test_a_run_that_ignores_hang_ups_continues_after_one(stream: Stream, producer: Producer) -> None:
    nohup = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); import producer.cli; producer.cli.main()"
    process = producer.start("--source", "file", "-", program=("-c", nohup))
    assert process.stdin
    process.stdin.write(tweet(1))
    process.stdin.flush()
    eventually(lambda: stream.ids)
    process.send_signal(signal.SIGHUP)

    done = producer.end(process, tweet(2))

    assert (done.code, done.counts) == (0, counts(received=2, sent=2))
    assert "Stopping" not in done.messages


def test_an_error_of_x_ends_the_run_with_its_reason(stream: Stream, producer: Producer) -> None:
    with XServer() as x:
        producer.configure(stream.url, x_endpoint=x.url, bearer_token="wrong")
        done = producer.run("--track", TERM)

    assert (done.code, done.counts) == (1, counts())
    assert "X does not accept the credentials" in done.messages


def test_a_source_that_was_never_reached_fails(stream: Stream, producer: Producer, main: Main) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
    producer.configure(stream.url, x_endpoint=address, bearer_token="-")

    done = main("--track", TERM, "--duration", "3", "--config", str(producer.config))

    assert (done.code, done.counts) == (1, counts())
    assert "Nothing was read: the connection to X failed (Connection refused)." in done.messages


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--source", "file"], "needs a PATH"),
        (["--source", "file", ""], "needs a PATH"),
        (["--source", "file", "/nowhere"], "File '/nowhere' does not exist"),
        (["--source", "file", "-", "--track", "cat"], "--track needs"),
        (["--source", "bluesky", "--rule", "cat"], "--rule and --keep-rules need"),
        (["--source", "bluesky", "--budget", "1"], "--budget needs --source x"),
        (["--budget", "nan"], "'--budget': nan is not a finite number"),
        (["--budget", "0"], "0.0 is not in the range x>0"),
        (["--rate", "1"], "--rate needs --source file"),
        (["--track", "cat", "dog"], "PATH 'dog' needs --source file"),
        (["--limit", "0"], "0 is not in the range"),
        (["--source", "file", "-", "--rate", "nan"], "'--rate': nan is not a finite number"),
        (["--source", "file", "-", "--rate", "inf"], "'--rate': inf is not a finite number"),
        (["--source", "file", "-", "--duration", "nan"], "'--duration': nan is not a finite number"),
        (["--source", "file", "-", "--duration", "inf"], "'--duration': inf is not a finite number"),
        (["--source", "radio"], "'radio' is not one of"),
        ([], "`consumer_key` is missing in"),
    ],
)
def test_wrong_usage_or_configuration_has_exit_code_2(
    producer: Producer, main: Main, arguments: list[str], message: str
) -> None:
    done = main(*arguments, "--config", str(producer.config))

    assert (done.code, done.lines) == (2, [])
    assert message in done.messages
    assert all(set(entry) == {"time", "message"} for entry in done.log)  # JSON lines, like those of a run


def test_a_directory_in_place_of_a_file_has_exit_code_2(tmp_path: Path, main: Main) -> None:
    done = main("--source", "file", str(tmp_path), "--dry-run")

    assert (done.code, f"'{tmp_path}' is a directory" in done.messages) == (2, True)


def test_a_spool_in_use_has_exit_code_2(stream: Stream, producer: Producer) -> None:
    first = producer.start("--source", "file", "-")
    eventually(lambda: list(producer.spool.iterdir()) if producer.spool.exists() else None)

    second = producer.run("--source", "file", "-")
    done = producer.end(first)

    assert (second.code, done.code) == (2, 0)
    assert "Another producer uses the spool" in second.messages


def test_a_configuration_that_others_can_read_is_restricted_to_its_owner(producer: Producer) -> None:
    producer.config.chmod(0o644)

    done = producer.run("--source", "file", "-")

    assert done.code == 0
    assert "restricted its permissions to 0600" in done.messages


def test_the_help_has_an_example_of_each_source() -> None:
    done = CliRunner().invoke(run_command, ["--help"])

    assert done.exit_code == 0
    for example in ("--track cat", "--source file", "--source bluesky", "configure --stack dev"):
        assert f"python -m producer {example}" in done.stdout


def test_configure_is_a_command(producer: Producer, tmp_path: Path) -> None:
    pulumi = tmp_path / "bin" / "pulumi"
    pulumi.parent.mkdir()
    outputs = {"access_key": "AKIANEW", "secret_access_key": "x", "region": "r", "stream_name": "s"}
    pulumi.write_text(f"#!/bin/sh\necho '{json.dumps(outputs)}'\n")
    pulumi.chmod(0o755)

    done = subprocess.run(
        [sys.executable, "-m", "producer", "configure", "--config", str(producer.config)],
        cwd=PROJECT,
        env={**os.environ, "PATH": f"{pulumi.parent}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert "stream s in r" in done.stderr
    assert json.loads(producer.config.read_text())["access_key"] == "AKIANEW"


def test_a_terminal_shows_the_numbers_in_lines_that_fit(stream: Stream, producer: Producer) -> None:
    tweets_file = producer.config.with_name("tweets.jsonl")
    tweets_file.write_text(tweets(range(20)) + "bad\n")
    here, there = pty.openpty()
    fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "producer", "--source", "file", str(tweets_file), "--rate", "40"),
            *("--config", str(producer.config)),
        ],
        cwd=PROJECT,
        env={**os.environ, "TERM": "xterm"},
        stdin=subprocess.DEVNULL,
        stderr=there,
    )
    os.close(there)
    seen = b""
    while True:
        try:
            seen += os.read(here, 65536)
        except OSError:  # the other end is closed
            break
    os.close(here)
    assert process.wait() == 1

    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen.decode()).replace("\r", "\n")
    assert "received 20 = sent 20" not in text  # 21 with the bad line
    assert "Done: received 21 = sent 20 + spooled 0 + rejected 1" in text
    assert "Rejected line 21: not JSON" in text
    for field in ("received", "sent", "waiting", "retried", "rejected", "rate", "answers"):
        assert re.search(rf"^.*{field} \S", text, re.MULTILINE)
    assert "lag" not in text  # the tweets of a file have any age
    assert max(len(line) for line in text.splitlines() if "received" in line and "Done" not in line) <= 80
