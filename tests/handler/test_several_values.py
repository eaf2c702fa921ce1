"""Payloads of other producers: several values in one, compressed ones, and records without a partition key."""

import base64
import gzip
import json
import zlib

import pytest

from tests.handler.aws import Aws
from tests.handler.conftest import Invoke
from tests.handler.events import SHARD, aggregate, record, tweet

ONE, TWO = json.dumps(tweet(id="1")).encode(), json.dumps(tweet(id="2")).encode()


class TestSeveralValues:
    """Several values in one payload, and compressed ones."""

    @pytest.mark.parametrize(
        "payload",
        [
            ONE + b"\n" + TWO + b"\n",
            ONE + TWO,
            ONE + b" \r\n\r\n" + TWO,
            b"[" + ONE + b", " + TWO + b"]",
            b"[" + ONE + b"]\n[" + TWO + b"]",
            b"\xef\xbb\xbf" + json.dumps([tweet(id="1"), tweet(id="2")], indent=2).encode(),
            gzip.compress(ONE + b"\n" + TWO),
            gzip.compress(ONE) + gzip.compress(TWO) + bytes(512),
            zlib.compress(ONE + TWO, 1),
            zlib.compress(json.dumps([tweet(id="1"), tweet(id="2")]).encode(), 9),
        ],
        ids=[
            "lines",
            "concatenated",
            "lines of Windows",
            "list",
            "lines of lists",
            "pretty list after a byte order mark",
            "gzip",
            "gzip of two members, padded",
            "zlib",
            "zlib of a list",
        ],
    )
    @pytest.mark.parametrize("together", [False, True], ids=["alone", "aggregated"])
    def test_each_value_is_stored(
        self, aws: Aws, invoke: Invoke, capsys: pytest.CaptureFixture[str], payload: bytes, together: bool
    ) -> None:
        assert invoke([record(aggregate(payload, keys=["bob"]) if together else payload, 7)]) == []
        assert set(aws.items) == {("ada", "1"), ("ada", "2")}
        assert aws.objects == {}
        assert json.loads(capsys.readouterr().out)["Received"] == 2

    def test_a_bad_value_is_quarantined_by_itself_with_its_position(self, aws: Aws, invoke: Invoke) -> None:
        lines = ONE + b'\n{"half\n' + TWO
        assert invoke([record(lines, 7), record(aggregate(b"poison", lines), 8)]) == []
        assert set(aws.items) == {("ada", "1"), ("ada", "2")}
        folder = f"records/not-json/2026-11-23/{SHARD}"
        assert set(aws.objects) == {f"{folder}/{name}.json" for name in ("7-0-1", "8-0", "8-1-1")}
        for name in ("7-0-1", "8-1-1"):
            body = aws.objects[f"{folder}/{name}.json"]
            assert base64.b64decode(body["payload"]) == b'{"half'
            assert body["valueNumber"] == 1

    def test_a_compressed_value_keeps_the_name_of_a_single_one(self, aws: Aws, invoke: Invoke) -> None:
        assert invoke([record(gzip.compress(ONE), 1), record(gzip.compress(b"[7]"), 2)]) == []
        assert set(aws.items) == {("ada", "1")}
        assert list(aws.objects) == [f"records/not-a-tweet/2026-11-23/{SHARD}/2.json"]

    @pytest.mark.parametrize(
        "payload",
        [b"1 2 3", b"[]", b"[1, 2]", b'{"a":\n1,\nbad', b"[[" + ONE + b"]]"],
        ids=repr,
    )
    def test_what_holds_no_object_is_one_value(self, aws: Aws, invoke: Invoke, payload: bytes) -> None:
        assert invoke([record(payload, 7)]) == []
        (body,) = aws.objects.values()
        assert base64.b64decode(body["payload"]) == payload

    @pytest.mark.parametrize(
        ("payload", "words"),
        [
            (b"\x28\xb5\x2f\xfd" + bytes(9), "compressed by zstd; gzip and zlib are read"),
            (b"BZh9" + bytes(9), "compressed by bzip2"),
            (gzip.compress(ONE)[:-3], "compressed, and cut short"),
            (gzip.compress(ONE) + b"more", "compressed, and damaged"),
            (gzip.compress(bytes(11 * 1024 * 1024)), "compressed from more than 10,485,760 bytes"),
            (
                gzip.compress(b'{"messageType":"DATA_MESSAGE","logGroup":"g","logEvents":[]}'),
                "a batch of a CloudWatch Logs subscription",
            ),
        ],
        ids=["zstd", "bzip2", "cut short", "damaged", "too large", "CloudWatch Logs"],
    )
    def test_what_cannot_be_unpacked_is_named_and_kept(
        self, aws: Aws, invoke: Invoke, payload: bytes, words: str
    ) -> None:
        assert invoke([record(payload, 7)]) == []
        assert list(aws.objects) == [f"records/compressed/2026-11-23/{SHARD}/7.json"]
        (body,) = aws.objects.values()
        assert body["error"].startswith(words)
        assert base64.b64decode(body["payload"]) == payload


def test_a_record_without_a_partition_key_is_handled_as_any_other(aws: Aws, invoke: Invoke) -> None:
    good, bad = record(tweet(id="1"), 1), record(b"nope", 2)
    del good["kinesis"]["partitionKey"], bad["kinesis"]["partitionKey"]
    assert invoke([good, bad, record(tweet(id="2"), 3)]) == []
    assert set(aws.items) == {("ada", "1"), ("ada", "2")}
    (body,) = aws.objects.values()
    assert (body["payload"], body["partitionKey"]) == ("bm9wZQ==", None)
