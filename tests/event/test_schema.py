"""Definitions of events: what is read and stored, what is rejected and why, and definitions that cannot be."""

import base64
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event.item import EXPIRY_ATTRIBUTE, MAX_ITEM_BYTES, Write
from event.payload import Json, parse
from event.poison import PoisonError, Reason
from event.schema import Attribute, Schema, SchemaError, Type, Values
from event.types.tweet import EVENT as TWEETS
from tests.handler.events import ARRIVAL, record

ARRIVAL_SECONDS = int(ARRIVAL.timestamp())
TWEET = ("ada", "1001", "2026-11-23T14:41:28.000Z", "good morning")


def check(message: Json) -> str | None:
    return "Count: an odd count" if message["count"] % 2 else None


EVENT = Schema(
    noun="thing",
    partition_key=Attribute("Shelf", Type.NUMBER, member="place.shelf"),
    sort_key=Attribute("Name", member="name"),
    attributes=(
        Attribute("Count", Type.NUMBER, member="count"),
        Attribute("Fragile", Type.BOOLEAN, member="fragile", required=False),
        Attribute("SeenAt", Type.TIME, member="seen_at", required=False),
        Attribute("Made", Type.SECONDS, member="made", required=False),
        Attribute("Sold", Type.MILLISECONDS, member="sold", required=False),
        Attribute("notes", Type.ANY, required=False),
    ),
    time="SeenAt",
    check=check,
    lifetime_from="Sold",
)
THING: Json = {"place": {"shelf": 7}, "name": "cup", "count": 2}


def put(message: Json | bytes, lifetime: int | None = None, event: Schema = EVENT) -> Write:
    made = record(message if isinstance(message, bytes) else json.dumps(message).encode())
    return event.build_write(made, event.parse(made), lifetime)


def item(message: Json | bytes, lifetime: int | None = None) -> dict[str, Any]:
    attributes: dict[str, Any] = json.loads(put(message, lifetime).request)["PutRequest"]["Item"]
    return attributes


def fault(message: Json | bytes | list[Any]) -> tuple[Reason, str]:
    with pytest.raises(PoisonError) as poison:
        put(message if isinstance(message, bytes) else json.dumps(message).encode())
    return poison.value.reason, str(poison.value)


def without(message: Json, name: str) -> Json:
    return {key: value for key, value in message.items() if key != name}


def test_an_item_has_the_attributes_of_the_definition_and_no_others() -> None:
    message = THING | {
        "fragile": False,
        "seen_at": "2026-11-23T15:41:28+01:00",
        "made": 1_700_000_000,
        "sold": 1_700_000_000_500,
        "notes": {"by": ["ada", None]},
        "unknown": 1,
    }
    assert item(message) == {
        "Shelf": {"N": "7"},
        "Name": {"S": "cup"},
        "Count": {"N": "2"},
        "Fragile": {"BOOL": False},
        "SeenAt": {"S": "2026-11-23T14:41:28.000Z"},
        "Made": {"N": "1700000000"},
        "Sold": {"N": "1700000000500"},
        "notes": {"M": {"by": {"L": [{"S": "ada"}, {"NULL": True}]}}},
    }


@pytest.mark.parametrize("absent", [{}, {"fragile": None, "made": None, "sold": None, "notes": None}])
def test_what_is_not_required_may_be_missing_or_null_and_the_time_is_the_arrivals(absent: Json) -> None:
    assert item(THING | absent) == {
        "Shelf": {"N": "7"},
        "Name": {"S": "cup"},
        "Count": {"N": "2"},
        "SeenAt": {"S": "2026-11-23T14:41:30.250Z"},
    }


@pytest.mark.parametrize(
    ("kind", "arrival"),
    [(Type.SECONDS, {"N": str(ARRIVAL_SECONDS)}), (Type.MILLISECONDS, {"N": f"{ARRIVAL_SECONDS}250"})],
)
def test_the_arrival_is_stored_in_the_unit_of_the_events_time(kind: Type, arrival: Json) -> None:
    event = Schema(
        noun="tick",
        partition_key=Attribute("a"),
        attributes=[Attribute("At", kind, required=False)],
        time="At",
    )
    assert json.loads(put({"a": "x"}, event=event).request)["PutRequest"]["Item"]["At"] == arrival


def test_numbers_keep_their_digits() -> None:
    payload = b'{"place":{"shelf":12345678901234567.89},"name":"cup","count":2.00,"notes":[19.90,1e2]}'
    assert (attributes := item(payload))["Shelf"] == {"N": "12345678901234567.89"}
    assert attributes["Count"] == {"N": "2.00"}
    assert attributes["notes"] == {"L": [{"N": "19.90"}, {"N": "1E+2"}]}


def test_equal_numbers_are_one_key() -> None:
    texts = (b"7", b"7.0", b"70e-1", b"0.7E1")
    keys = {put(b'{"place":{"shelf":' + text + b'},"name":"cup","count":2}').key for text in texts}
    assert keys == {("7", "cup")}


def test_a_key_is_found_again_in_what_dynamodb_leaves_unprocessed() -> None:
    made = put(THING | {"place": {"shelf": 7.50}})
    assert EVENT.parse_key({"Shelf": {"N": "7.5"}, "Name": {"S": "cup"}, "Count": {"N": "2"}}) == made.key
    assert EVENT.parse_key({"Shelf": {"N": "7.500"}, "Name": {"S": "cup"}}) == made.key
    assert EVENT.key_item(made.key) == {"Shelf": {"N": "7.5"}, "Name": {"S": "cup"}}
    with pytest.raises(KeyError):
        EVENT.parse_key({"Shelf": {"S": "7.5"}, "Name": {"S": "cup"}})


@pytest.mark.parametrize(
    ("message", "reason", "words"),
    [
        (THING | {"place": {}}, Reason.INVALID_KEY, "Shelf: `place.shelf` is missing"),
        (THING | {"place": 7}, Reason.INVALID_KEY, "Shelf: `place.shelf` is missing"),
        (
            THING | {"place": {"shelf": "7"}},
            Reason.INVALID_KEY,
            "Shelf: `place.shelf` is a string, not a number",
        ),
        (
            THING | {"place": {"shelf": True}},
            Reason.INVALID_KEY,
            "Shelf: `place.shelf` is a boolean, not a number",
        ),
        (THING | {"name": ""}, Reason.INVALID_KEY, "Name: `name` is empty"),
        (THING | {"name": None}, Reason.INVALID_KEY, "Name: `name` is missing"),
        (THING | {"name": 4711}, Reason.INVALID_KEY, "Name: `name` is a number, not a string"),
        (THING | {"name": "n" * 1025}, Reason.INVALID_KEY, "Name has 1025 bytes; the limit is 1024"),
        (without(THING, "count"), Reason.INVALID, "Count: `count` is missing"),
        (THING | {"count": [2]}, Reason.INVALID, "Count: `count` is a list, not a number"),
        (THING | {"count": 3}, Reason.INVALID, "Count: an odd count"),
        (THING | {"fragile": "no"}, Reason.INVALID, "Fragile: `fragile` is a string, not true or false"),
        (
            THING | {"seen_at": "yesterday"},
            Reason.INVALID,
            "SeenAt: `seen_at` is not a time in ISO 8601: 'yesterday'",
        ),
        (
            THING | {"made": 1e12},
            Reason.INVALID,
            "Made: `made` is not a number of seconds since 1970: 1000000000000.0",
        ),
        (THING | {"sold": -1}, Reason.INVALID, "Sold: `sold` is not a number of milliseconds since 1970: -1"),
        ([THING], Reason.INVALID, "the event is a list, not an object"),
        (THING | {"name": "\ud800"}, Reason.NOT_UTF8, "an unpaired surrogate cannot be stored as UTF-8"),
        (
            THING | {"notes": {"a": "\ud800"}},
            Reason.NOT_UTF8,
            "an unpaired surrogate cannot be stored as UTF-8",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value else "",
)
def test_what_is_invalid_is_named_with_its_attribute(message: Any, reason: Reason, words: str) -> None:
    assert fault(message) == (reason, words)


@pytest.mark.parametrize(
    "number", [b"1e126", b"1." + b"1" * 40, b"9" * 39, b"9" * 5000, b"1e999999999999999999999"]
)
def test_a_number_that_dynamodb_does_not_take_is_invalid(number: bytes) -> None:
    reason, words = fault(b'{"place":{"shelf":7},"name":"cup","count":' + number + b"}")
    assert reason is Reason.INVALID
    assert words.startswith("Count: `count` is a number that DynamoDB cannot store")


def test_a_huge_number_in_a_member_that_is_not_read_does_no_harm() -> None:
    assert item(b'{"place":{"shelf":7},"name":"cup","count":2,"x":1e999999999999999999999}')["Count"] == {
        "N": "2"
    }


def test_a_check_that_fails_on_a_message_makes_it_invalid() -> None:
    event = Schema(noun="x", partition_key=Attribute("a"), check=lambda message: message["b"]["c"])
    with pytest.raises(PoisonError, match="fails: KeyError: 'b'") as poison:
        put({"a": "x"}, event=event)
    assert poison.value.reason is Reason.INVALID


def test_an_events_own_reader_replaces_the_members() -> None:
    def read(message: Any) -> Values:
        return message["a"].upper(), Decimal(message["b"])

    event = Schema(
        noun="x", partition_key=Attribute("A"), attributes=[Attribute("B", Type.NUMBER)], read=read
    )
    assert (
        put({"a": "x", "b": "1.50"}, event=event).request
        == b'{"PutRequest":{"Item":{"A":{"S":"X"},"B":{"N":"1.50"}}}}'
    )
    with pytest.raises(PoisonError, match="read fails: AttributeError"):
        put({"a": 1, "b": "1"}, event=event)


def test_an_item_expires_its_lifetime_after_its_own_time_or_its_arrival() -> None:
    assert item(THING | {"sold": 1_700_000_000_900}, 86_400)[EXPIRY_ATTRIBUTE] == {
        "N": str(1_700_000_000 + 86_400)
    }
    assert item(THING, 86_400)[EXPIRY_ATTRIBUTE] == {"N": str(ARRIVAL_SECONDS + 86_400)}


@pytest.mark.parametrize("character", ["x", '"', "\x00", "\N{UMBRELLA}"])
def test_an_item_may_have_400_kb_as_dynamodb_counts_them(character: str) -> None:
    room = MAX_ITEM_BYTES - len("UsernameIdTimestampMessage") - sum(map(len, TWEET[:3]))
    count, rest = divmod(room, len(character.encode()))
    largest = character * count + "x" * rest
    assert TWEETS.build_item((*TWEET[:3], largest))
    with pytest.raises(PoisonError) as poison:
        TWEETS.build_item((*TWEET[:3], largest + "x"))
    assert poison.value.reason is Reason.TOO_LARGE


@pytest.mark.parametrize(("index", "limit"), [(0, 2048), (1, 1024)])
def test_a_key_may_have_so_many_bytes_and_no_more(index: int, limit: int) -> None:
    def values(key: str) -> Values:
        return (*TWEET[:index], key, *TWEET[index + 1 :])

    widest = "\N{PILE OF POO}" * (limit // 4)
    assert TWEETS.build_item(values(widest))
    with pytest.raises(PoisonError) as poison:
        TWEETS.build_item(values(widest + "x"))
    assert poison.value.reason is Reason.INVALID_KEY


@given(st.tuples(st.text(), st.text(), st.just(TWEET[2]), st.text()))
def test_any_text_survives_the_way(tweet: tuple[str, ...]) -> None:
    _, request = TWEETS.build_item(tweet)
    attributes = json.loads(request)["PutRequest"]["Item"]
    assert tuple(attributes[name]["S"] for name in ("Username", "Id", "Timestamp", "Message")) == tweet


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(st.sampled_from(["place", "name", "count", "fragile", "seen_at", "made", "notes"]), JSON)
)
def test_any_value_in_any_member_is_an_item_or_poison(members: Json) -> None:
    try:
        found = put(json.dumps(THING | members).encode())
    except PoisonError:
        return
    assert json.loads(found.request)["PutRequest"]["Item"]["Name"]["S"] == found.key[1]


def definition(**changes: Any) -> Schema:
    """A definition that agrees with itself, with changes."""
    valid = {
        "noun": "thing",
        "partition_key": Attribute("A"),
        "attributes": [Attribute("At", Type.TIME, required=False)],
        "samples": ['{"A":"x"}', '{"A":"y","At":"2026-11-23"}'],
        "invalid": ['{"A":""}'],
    }
    return Schema(**(valid | changes))


def test_a_definition_that_agrees_with_itself_is_accepted() -> None:
    definition(time="At", shown=["At"], lifetime_from="At").validate()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"attributes": [Attribute("A")]}, "two attributes are called A"),
        (
            {"attributes": [Attribute("B-C")]},
            "the attribute 'B-C': a name is letters, digits and underscores",
        ),
        ({"partition_key": Attribute("A", Type.ANY)}, "the key A is of type ANY"),
        ({"sort_key": Attribute("B", Type.BOOLEAN)}, "the key B is of type BOOLEAN"),
        ({"sort_key": Attribute("B", required=False)}, "the key B is not required"),
        ({"attributes": [Attribute(EXPIRY_ATTRIBUTE)]}, f"the attribute {EXPIRY_ATTRIBUTE}: "),
        ({"time": "When"}, "time names When, which is not one of the attributes A, At"),
        ({"time": "A"}, "time names A, which is not of type TIME, SECONDS or MILLISECONDS"),
        ({"lifetime_from": "When"}, "lifetime_from names When, which is not one of"),
        ({"shown": ["When"]}, "shown names When, which is not one of"),
        ({"samples": ['{"A":"x"}']}, "two samples are needed"),
        ({"invalid": []}, "two samples are needed at least, and an invalid message"),
        ({"samples": ['{"A":"x"}', '{"A":1}']}, "sample 2 is invalid: A: `A` is a number, not a string"),
        ({"samples": ['{"A":"x"}', "nonsense"]}, "sample 2 is invalid: Expecting value"),
        ({"invalid": ['{"A":"x"}']}, "invalid message 1 is valid"),
        ({"read": lambda message: (message["A"],)}, "sample 1 is invalid: "),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_definition_that_contradicts_itself_is_rejected_with_a_sentence(changes: Json, words: str) -> None:
    with pytest.raises(SchemaError) as error:
        definition(**changes).validate()
    assert str(error.value).startswith(words)


def test_a_read_message_is_the_same_whether_or_not_it_came_through_a_stream() -> None:
    payload = json.dumps(THING).encode()
    made = record(payload)
    assert base64.b64decode(made["kinesis"]["data"]) == payload
    assert EVENT.read(parse(payload))[:3] == EVENT.parse(made)[:3]
