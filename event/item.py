"""Items of the table, as `BatchWriteItem` takes them, and DynamoDB's limits of them."""

import json
from typing import Final, NamedTuple

from event.poison import PoisonError, Reason
from event.record import KinesisRecord
from event.types.tweet import MAX_ID_BYTES, MAX_USERNAME_BYTES, Tweet

EXPIRY_ATTRIBUTE: Final = "ExpiresAt"
"""The table's time-to-live attribute: a number, seconds since the epoch."""

MAX_ITEM_BYTES: Final = 400 * 1024
"""Limit of an item, in bytes ("Constraints in Amazon DynamoDB")."""

_NAMES: Final = len("UsernameIdTimestampMessage")

_quote: Final = json.JSONEncoder(ensure_ascii=False).encode


class Put(NamedTuple):
    """A record's item, ready to send; `request` is its element in the call's JSON."""

    record: KinesisRecord
    key: tuple[str, str]
    request: bytes


def build_put(record: KinesisRecord, tweet: Tweet, item_lifetime: int | None) -> Put:
    """Build the item's put request; `item_lifetime` is in seconds from the record's arrival.

    Raises:
        PoisonError: DynamoDB would reject the item's size, its key's size, or an unpaired surrogate.
    """
    username, identifier, timestamp, message = tweet
    expiry = ""
    if item_lifetime is not None:
        expires = int(record["kinesis"]["approximateArrivalTimestamp"]) + item_lifetime
        expiry = f',"{EXPIRY_ATTRIBUTE}":{{"N":"{expires}"}}'
    try:
        request = (
            f'{{"PutRequest":{{"Item":{{"Username":{{"S":{_quote(username)}}},"Id":{{"S":{_quote(identifier)}}},'
            f'"Timestamp":{{"S":{_quote(timestamp)}}},"Message":{{"S":{_quote(message)}}}{expiry}}}}}}}'
        ).encode()
    except UnicodeEncodeError:
        raise PoisonError(Reason.NOT_UTF8, "an unpaired surrogate cannot be stored as UTF-8") from None
    # A character has at most four bytes, and JSON is never shorter than the strings in it: nearly every item
    # is known to be within the limits without counting its bytes.
    if (
        4 * len(username) > MAX_USERNAME_BYTES
        or 4 * len(identifier) > MAX_ID_BYTES
        or len(request) > MAX_ITEM_BYTES
    ):
        _check_sizes(tweet)
    return Put(record, (username, identifier), request)


def _check_sizes(tweet: Tweet) -> None:
    username, identifier, timestamp, message = (len(value.encode()) for value in tweet)
    if username > MAX_USERNAME_BYTES:
        raise PoisonError(
            Reason.INVALID_KEY, f"the username has {username} bytes; the limit is {MAX_USERNAME_BYTES}"
        )
    if identifier > MAX_ID_BYTES:
        raise PoisonError(Reason.INVALID_KEY, f"the id has {identifier} bytes; the limit is {MAX_ID_BYTES}")
    # The expiry attribute is not counted: only DynamoDB knows how many bytes a number takes.
    size = _NAMES + username + identifier + timestamp + message
    if size > MAX_ITEM_BYTES:
        raise PoisonError(Reason.TOO_LARGE, f"the item has {size} bytes; the limit is {MAX_ITEM_BYTES}")
