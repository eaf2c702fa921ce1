"""Items in BatchWriteItem's form, and DynamoDB's limits of them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event.item import EXPIRY_ATTRIBUTE, MAX_ITEM_BYTES, build_put
from event.poison import PoisonError, Reason
from event.types.tweet import Tweet
from tests.handler.events import ARRIVAL, record

RECORD = record(b"")
TWEET = Tweet("ada", "1001", "2026-11-23T14:41:28.000Z", "good morning")


def reason_of(tweet: Tweet) -> Reason:
    with pytest.raises(PoisonError) as poison:
        build_put(RECORD, tweet, None)
    return poison.value.reason


def test_an_item_has_its_four_attributes() -> None:
    put = build_put(RECORD, TWEET, None)
    assert put.key == ("ada", "1001")
    assert json.loads(put.request) == {
        "PutRequest": {
            "Item": {
                "Username": {"S": "ada"},
                "Id": {"S": "1001"},
                "Timestamp": {"S": "2026-11-23T14:41:28.000Z"},
                "Message": {"S": "good morning"},
            }
        }
    }


def test_an_item_with_a_lifetime_expires_that_long_after_the_records_arrival() -> None:
    item = json.loads(build_put(RECORD, TWEET, 86_400).request)["PutRequest"]["Item"]
    assert item[EXPIRY_ATTRIBUTE] == {"N": str(int(ARRIVAL.timestamp()) + 86_400)}


@given(st.text(), st.text(), st.text())
def test_any_text_survives_the_way(username: str, identifier: str, message: str) -> None:
    tweet = Tweet(username, identifier, TWEET.timestamp, message)
    item = json.loads(build_put(RECORD, tweet, 1).request)["PutRequest"]["Item"]
    assert Tweet(*(item[name]["S"] for name in ("Username", "Id", "Timestamp", "Message"))) == tweet


@pytest.mark.parametrize("field", ["username", "id", "message"])
def test_a_surrogate_without_its_pair_is_poison(field: str) -> None:
    assert reason_of(TWEET._replace(**{field: json.loads('"a\\ud800"')})) is Reason.NOT_UTF8


@pytest.mark.parametrize(("field", "limit"), [("username", 2048), ("id", 1024)])
def test_a_key_may_have_so_many_bytes_and_no_more(field: str, limit: int) -> None:
    widest = "\N{PILE OF POO}" * (limit // 4)
    assert build_put(RECORD, TWEET._replace(**{field: widest}), None)
    assert reason_of(TWEET._replace(**{field: widest + "x"})) is Reason.INVALID_KEY


@pytest.mark.parametrize("character", ["x", '"', "\x00", "\N{UMBRELLA}"])
def test_an_item_may_have_400_kb_as_dynamodb_counts_them(character: str) -> None:
    room = MAX_ITEM_BYTES - len("UsernameIdTimestampMessage") - sum(map(len, TWEET[:3]))
    count, rest = divmod(room, len(character.encode()))
    largest = TWEET._replace(message=character * count + "x" * rest)
    assert build_put(RECORD, largest, None)
    assert reason_of(largest._replace(message=largest.message + "x")) is Reason.TOO_LARGE
