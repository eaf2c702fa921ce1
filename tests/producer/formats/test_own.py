"""Events that pass the stream as they are given: what is sent, under which key, and what is rejected and why."""

import json
from base64 import b64encode
from typing import Any

import pytest

from event.limits import MAX_RECORD_BYTES
from event.poison import PoisonError
from event.schema import Attribute, Schema, Type
from event.types import DEFAULT_EVENT_TYPE, event_types, load
from producer.errors import ConfigError
from producer.formats import load_format
from producer.formats.own import OwnFormat
from producer.spooling.entry import StreamRecord

OWN = [name for name in event_types() if name != DEFAULT_EVENT_TYPE]
ORDER, READING = OwnFormat(load("order")), OwnFormat(load("telemetry"))


def order(**members: object) -> dict[str, Any]:
    sample: dict[str, Any] = json.loads(load("order").samples[0])
    return sample | members


def event_record(data: bytes) -> Any:
    """The record as an event source mapping passes it on."""
    return {"kinesis": {"data": b64encode(data).decode(), "approximateArrivalTimestamp": 1795444888.25}}


def function_error(schema: Schema, data: bytes) -> str:
    """Return why the function would quarantine a record."""
    record = event_record(data)
    with pytest.raises(PoisonError) as error:
        schema.build_write(record, schema.parse(record), None)
    return str(error.value)


def error(event_format: OwnFormat, line: bytes) -> str:
    """Return why a line is rejected."""
    with pytest.raises(PoisonError) as error:
        event_format.decode(line)
    return str(error.value)


@pytest.mark.parametrize(
    ("name", "sample"), [(name, sample) for name in OWN for sample in load(name).samples]
)
def test_an_event_passes_byte_for_byte_under_the_key_of_its_item(name: str, sample: str) -> None:
    event_format, schema = load_format(name), load(name)

    record = event_format.decode(f"  {sample}\r\n".encode()).encode()

    assert isinstance(record, StreamRecord)
    item = schema.build_write(event_record(record.data), schema.parse(event_record(record.data)), None)
    assert record.data == sample.encode()
    assert event_format.read_key(record.data) == item.key
    assert record.partition_key == item.key[0]


@pytest.mark.parametrize(
    "line",
    [
        '{ "customer_id" : "c",\t"order_id":"o","status":"paid","total":19.90,"placed_at":"2026-11-23T14:41:28Z"}',
        '{"total":1E+2,"order_id":"o","placed_at":"2026-11-23","status":"\\u00e9\\/","customer_id":"c","more":[1.0]}',
        '{"customer_id":"c","customer_id":"c2","order_id":"o","status":"é","total":0,"placed_at":"2026-11-23"}',
        '{"customer_id":"c",\r"order_id":"o","status":"paid","total":7,"placed_at":"2026-11-23","more":"\\ud83d"}',
    ],
)
def test_spaces_digits_escapes_and_the_order_of_members_stay_as_they_are_given(line: str) -> None:
    assert ORDER.decode(line.encode()).data == line.encode()


def test_an_event_of_several_lines_becomes_one_line() -> None:
    text = json.dumps(order(), indent=2)

    data = ORDER.decode(text.encode()).data

    assert data == text.replace("\n", " ").encode()
    assert json.loads(data) == json.loads(text)


@pytest.mark.parametrize("member", ["event", "title", "meta", "error", "errors", "warning", "delete", "data"])
def test_no_member_makes_an_own_event_a_message_of_x(member: str) -> None:
    assert ORDER.decode(json.dumps(order(**{member: {}})).encode())


@pytest.mark.parametrize("name", OWN)
def test_an_event_is_rejected_with_the_sentence_of_the_function(name: str) -> None:
    event_format, schema = load_format(name), load(name)
    assert isinstance(event_format, OwnFormat)
    lines = [*schema.invalid, "{", "[]", "null", '"text"', '{"a":1}{"b":2}', "NaN", "[" * 100_000]

    for line in [*map(str.encode, lines), b'{"a":"\xff"}', schema.samples[0].encode() + b"\x00"]:
        assert error(event_format, line) == function_error(schema, line)


def test_a_value_that_the_table_would_reject_is_rejected_with_the_sentence_of_the_function() -> None:
    for members in ({"status": "\ud83d"}, {"order_id": "x" * 1_025}, {"lines": ["x" * 500_000]}):
        line = json.dumps(order(**members)).encode()
        assert error(ORDER, line) == function_error(ORDER.schema, line)


def test_equal_numbers_are_one_key() -> None:
    keys = {
        READING.read_key(READING.schema.samples[0].replace("4711", number).encode())
        for number in ("4711", "4711.0", "47.11e2", "4711.000")
    }

    assert keys == {("4711", "1795444888000")}


def test_a_partition_key_has_1_to_256_characters() -> None:
    def line(length: int) -> bytes:
        return json.dumps(order(customer_id="名" * length)).encode()

    assert ORDER.decode(line(256)).partition_key == "名" * 256
    assert error(ORDER, line(257)) == "CustomerId of 257 characters; a partition key has 1 to 256"


def test_data_and_partition_key_have_one_mebibyte_together() -> None:
    room = MAX_RECORD_BYTES - len(json.dumps(order(customer_id="c", more="")).encode()) - 1

    def line(size: int) -> bytes:
        return json.dumps(order(customer_id="c", more="x" * size)).encode()

    assert ORDER.decode(line(room))
    assert error(ORDER, line(room + 1)) == "1,048,577 bytes; the limit is 1,048,576"


@pytest.mark.parametrize("name", OWN)
def test_a_tombstone_passes_byte_for_byte_under_the_key_of_its_event(name: str) -> None:
    event_format = load_format(name)
    key = event_format.read_key(event_format.schema.samples[0].encode())
    tombstone = event_format.schema.encode_tombstone(key)

    record = event_format.decode(b" " + tombstone + b"\r\n").encode()

    assert record == StreamRecord(key[0], tombstone, deletes=True)
    assert event_format.read_key(tombstone) == key
    assert event_format.read_time(tombstone) is None


def test_a_tombstone_of_another_table_is_rejected_with_the_sentence_of_the_function() -> None:
    line = READING.schema.encode_tombstone(("4711", "1795444888000"))
    assert error(ORDER, line) == function_error(ORDER.schema, line)


def test_a_stream_with_a_raised_limit_takes_larger_events() -> None:
    raised = load_format("order", 2 * MAX_RECORD_BYTES)
    line = json.dumps(order(more="x" * MAX_RECORD_BYTES)).encode()

    assert raised.decode(line).encode()
    with pytest.raises(PoisonError, match="the limit is 2,097,152"):
        raised.decode(json.dumps(order(more="x" * 2 * MAX_RECORD_BYTES)).encode())


def test_an_event_that_the_definition_rejects_by_now_has_a_key_nevertheless() -> None:
    sample = ORDER.schema.samples[0].encode()

    for data in (sample.replace(b"19.90", b"-5"), sample.replace(b"c-17", b"c" * 257), b"no JSON"):
        key = ORDER.read_key(data)
        assert StreamRecord(key[0], b"").excess("the key") is None
        assert ORDER.read_time(b"no JSON") is None


def test_the_time_of_an_event_is_its_own_in_utc() -> None:
    untimed = OwnFormat(Schema(noun="thing", partition_key=Attribute("Name")))
    seconds = OwnFormat(
        Schema(
            noun="thing",
            partition_key=Attribute("Name"),
            attributes=(Attribute("At", Type.SECONDS, required=False),),
            time="At",
        )
    )

    assert ORDER.read_time(ORDER.schema.samples[0].encode()) == "2026-11-23T14:41:28.000Z"
    assert READING.read_time(READING.schema.samples[1].encode()) == "2026-11-23T14:41:29.250Z"
    assert seconds.read_time(b'{"Name":"a","At":1795444888.5}') == "2026-11-23T14:41:28.500Z"
    assert seconds.read_time(b'{"Name":"a"}') is None
    assert untimed.read_time(b'{"Name":"a"}') is None


@pytest.mark.parametrize("name", event_types())
def test_every_event_type_has_a_format(name: str) -> None:
    assert load_format(name).schema is load(name)


@pytest.mark.parametrize("name", ["oder", "", "order.py", "../order", "Order"])
def test_an_unknown_event_type_is_an_error_that_lists_what_there_is(name: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_format(name)

    assert f"`{name}`" in str(error.value)
    assert ", ".join(event_types()) in str(error.value)


def test_a_definition_that_contradicts_itself_is_an_error_that_names_its_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(load("order"), "time", "Placed")

    with pytest.raises(ConfigError, match=r"event/types/order\.py contradicts itself: time names Placed"):
        load_format("order")
