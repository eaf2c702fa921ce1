"""What months bring: the producer as a process waits, says once what for, and sends every tweet in the end."""

import hashlib
import json
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from local.stubs.http import Request, Response, serving
from local.stubs.kinesis import Fault, KinesisStub, no_faults
from tests.producer.conftest import Producer, Stream, tweet
from tests.waiting import eventually

_PROGRAM = """
import os
os.environ |= {environment}
from producer.publish import outage, publisher
outage.NOTE_SECONDS, outage.DENIAL_SECONDS, publisher.CALL_SECONDS = 0.0, {denial}, (0.01, 0.05)
from producer.cli import main
main()
"""
"""The producer, which backs off for milliseconds, and notes each outage at once."""


class Run:
    """A run of the producer over a pipe."""

    def __init__(
        self, producer: Producer, environment: dict[str, str] | None = None, denial: float = 120.0
    ) -> None:
        program = _PROGRAM.format(environment=environment or {}, denial=denial)
        self.process = producer.start("--source", "file", "-", program=("-c", program))
        self._producer = producer
        self._fed = 0
        self.messages: list[str] = []

    def feed(self, count: int) -> None:
        assert self.process.stdin
        for number in range(self._fed, self._fed + count):
            self.process.stdin.write(tweet(number, "ada"))
        self.process.stdin.flush()
        self._fed += count

    def wait_for(self, part: str) -> str:
        """Read messages until one has this part, and return it."""
        assert self.process.stderr
        for line in self.process.stderr:
            self.messages.append(json.loads(line)["message"])
            if part in self.messages[-1]:
                return self.messages[-1]
        raise AssertionError(f"the run ended without {part!r}: {self.messages}")

    def end(self) -> int:
        done = self._producer.end(self.process)
        self.messages += [entry["message"] for entry in done.log]
        return done.code

    @property
    def ids(self) -> list[str]:
        return [str(number) for number in range(self._fed)]


def check_survival(run: Run, stream: Stream, lift: Callable[[], object], note: str) -> str:
    """Let an outage end after it was noted; check that every tweet is sent, once and in order. Return the note."""
    run.feed(10)
    noted = run.wait_for("Sending paused: ")
    assert note in noted
    run.feed(10)
    assert run.process.poll() is None
    lift()
    run.wait_for("Sending resumed after ")
    run.feed(10)
    assert run.end() == 0
    assert stream.ids == run.ids
    assert [message for message in run.messages if message == noted] == [noted]
    return noted


KEY = "arn:aws:kms:eu-west-1:123456789012:key/0b2a"
OUTAGES = {
    "a fresh key": (
        Fault(status=400, code="UnrecognizedClientException", message="The security token is invalid."),
        "A new key takes some seconds to be known; for a deleted one, run `python -m producer configure`. Retrying for",
    ),
    "a fresh policy": (
        Fault(status=400, code="AccessDeniedException", message="no identity-based policy allows the action"),
        "Retrying for up to 120 s",
    ),
    "a disabled KMS key": (
        Fault(status=400, code="KMSDisabledException", message=f"{KEY} is disabled."),
        f"enable it with `aws kms enable-key --region eu-west-1 --key-id {KEY}`.",
    ),
    "a KMS key without material": (
        Fault(status=400, code="KMSInvalidStateException", message=f"{KEY} is pending import."),
        f"`aws kms describe-key --region eu-west-1 --key-id {KEY}` shows its state.",
    ),
    "an expired session token": (
        Fault(status=400, code="ExpiredTokenException", message="The security token has expired"),
        "The session token in the environment has expired",
    ),
    "a network that is away": (Fault(status=0), "Check this machine's network"),
}


@pytest.mark.parametrize("accepted", [0, 10], ids=["from the start", "in the middle"])
@pytest.mark.parametrize("kind", OUTAGES)
def test_the_producer_outlives_an_outage_and_loses_no_tweet(
    stream: Stream, producer: Producer, kind: str, accepted: int
) -> None:
    fault, note = OUTAGES[kind]
    run = Run(producer)
    run.feed(accepted)
    eventually(lambda: len(stream.ids) == accepted)
    stream.stub.faults = lambda _call, _keys: fault

    def lift() -> None:
        stream.stub.faults = no_faults

    check_survival(run, stream, lift, note)


@pytest.mark.parametrize(("minutes", "words"), [(62, "62 minutes behind"), (-300, "5 hours ahead of")])
def test_the_producer_outlives_a_wrong_clock_and_names_the_difference(
    stream: Stream, producer: Producer, minutes: int, words: str
) -> None:
    stream.stub.ahead = timedelta(minutes=minutes)
    run = Run(producer)

    def lift() -> None:
        stream.stub.ahead = timedelta()

    check_survival(run, stream, lift, f"This machine's clock is {words} AWS's")


@pytest.mark.parametrize(
    "code", ["UnrecognizedClientException", "AccessDeniedException", "ExpiredTokenException"]
)
def test_a_denial_that_lasts_ends_the_run_and_keeps_the_tweets(
    stream: Stream, producer: Producer, code: str
) -> None:
    stream.stub.faults = lambda _call, _keys: Fault(status=400, code=code)
    run = Run(producer, denial=0.2)
    run.feed(10)
    assert run.end() == 1
    assert stream.ids == []
    assert len([message for message in run.messages if "Sending paused: " in message]) == 1
    assert any(message.startswith("10 tweets remain in ") for message in run.messages)


class Source:
    """A source of credentials that can fail: a profile, and what it reads or asks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.away = False
        self.environment = {
            "HOME": str(folder),
            "AWS_CONFIG_FILE": str(folder / "config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"),
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def write(self, profile: str) -> None:
        (self.folder / "config").write_text(f"[profile work]\nregion = eu-west-1\n{profile}")

    def rename(self, file: Path) -> None:
        """Take a file away, or bring it back."""
        hidden = file.with_suffix(".hidden")
        file.rename(hidden) if self.away else hidden.rename(file)

    def toggle(self) -> None:
        self.away = not self.away


def soon() -> datetime:
    """An expiry that is less than ten minutes away, so that botocore renews the credentials for each call."""
    return datetime.now(UTC) + timedelta(minutes=5)


class Process(Source):
    """A credential process: it prints a file."""

    note = "The credential_process of profile work fails ("

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.file = folder / "printed.json"
        keys = {"AccessKeyId": "ASIA", "SecretAccessKey": "secret", "SessionToken": "token"}
        self.file.write_text(json.dumps({"Version": 1, **keys, "Expiration": soon().isoformat()}))
        self.write(f"credential_process = /bin/cat {self.file}\n")

    def toggle(self) -> None:
        super().toggle()
        self.rename(self.file)


class Sso(Source):
    """A session of IAM Identity Center: a token in `~/.aws/sso/cache`, and the portal that gives keys for it."""

    note = "The SSO session of profile work has expired: run `aws sso login --profile work`."

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        start = "https://example.awsapps.com/start"
        self.write(
            f"sso_start_url = {start}\nsso_region = eu-west-1\nsso_account_id = 123456789012\nsso_role_name = Dev\n"
        )
        cache = folder / ".aws" / "sso" / "cache"
        cache.mkdir(parents=True)
        token = {
            "accessToken": "t",
            "expiresAt": f"{datetime.now(UTC) + timedelta(hours=8):%Y-%m-%dT%H:%M:%SZ}",
        }
        (cache / f"{hashlib.sha1(start.encode(), usedforsecurity=False).hexdigest()}.json").write_text(
            json.dumps(token)
        )

    async def answer(self, _: Request) -> Response:
        if self.away:
            error = {"__type": "UnauthorizedException", "message": "Session token not found or invalid"}
            return Response(status=401, body=json.dumps(error).encode())
        keys = {"accessKeyId": "ASIA", "secretAccessKey": "secret", "sessionToken": "token"}
        expiry = {"expiration": int(soon().timestamp() * 1000)}
        return Response(body=json.dumps({"roleCredentials": keys | expiry}).encode())


class WebIdentity(Source):
    """A role that is assumed with a token from a file, as on Kubernetes."""

    note = "The credentials of profile work need a file that cannot be read ("

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.file = folder / "token"
        self.file.write_text("token")
        self.write(f"role_arn = arn:aws:iam::123456789012:role/x\nweb_identity_token_file = {self.file}\n")

    def toggle(self) -> None:
        super().toggle()
        self.rename(self.file)

    async def answer(self, _: Request) -> Response:
        return Response(
            body=f"""<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
            <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIA</AccessKeyId>
            <SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken>
            <Expiration>{soon():%Y-%m-%dT%H:%M:%SZ}</Expiration></Credentials>
            <AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/x/y</Arn><AssumedRoleId>A:y</AssumedRoleId>
            </AssumedRoleUser></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>""".encode()
        )


def use_profile(producer: Producer, url: str) -> None:
    """Configure a producer that has no key of its own."""
    aws = {"region": "eu-west-1", "stream_name": "tweets", "aws_endpoint": url, "aws_profile": "work"}
    producer.config.write_text(json.dumps(aws))


@pytest.mark.parametrize("kind", [Process, Sso, WebIdentity])
def test_the_producer_outlives_credentials_that_cannot_be_renewed(
    stream: Stream, producer: Producer, tmp_path: Path, kind: type[Process | Sso | WebIdentity]
) -> None:
    source = kind(tmp_path)
    use_profile(producer, stream.url)
    with ExitStack() as stack:
        if isinstance(source, Sso | WebIdentity):
            url = stack.enter_context(serving(source.answer))
            source.environment |= {"AWS_ENDPOINT_URL_STS": url, "AWS_ENDPOINT_URL_SSO": url}
        run = Run(producer, source.environment)
        run.feed(10)
        eventually(lambda: len(stream.ids) == 10)
        source.toggle()
        check_survival(run, stream, source.toggle, source.note)


def test_new_credentials_in_the_file_of_a_profile_are_used_when_the_old_ones_expire(
    producer: Producer, tmp_path: Path
) -> None:
    """As tools write it that sign in elsewhere; botocore itself reads the file once."""
    stub = KinesisStub()
    expired: set[str] = set()

    async def answer(request: Request) -> Response:
        if any(f"Credential={key}/" in request.headers["authorization"] for key in expired):
            error = {"__type": "ExpiredTokenException", "message": "The security token has expired"}
            return Response(status=400, body=json.dumps(error).encode())
        return await stub.answer(request)

    source = Source(tmp_path)
    source.write("")

    def sign_in(key: str) -> None:
        (tmp_path / "credentials").write_text(
            f"[work]\naws_access_key_id = {key}\naws_secret_access_key = secret\naws_session_token = token\n"
        )

    sign_in("ASIAOLD")
    with serving(answer) as url:
        use_profile(producer, url)
        run = Run(producer, source.environment)
        run.feed(10)
        eventually(lambda: len(stub.order) == 10)
        expired.add("ASIAOLD")
        note = "The credentials of profile work have expired: renew them as you got them."
        check_survival(run, Stream(stub, url), lambda: sign_in("ASIANEW"), note)
