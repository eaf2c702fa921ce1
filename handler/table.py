"""The table: items in `BatchWriteItem`'s form, and the calls that write them."""

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from handler.calls import CLIENT, attempts, code_of, is_transient
from handler.record import KinesisRecord
from handler.settings import EXPIRY_ATTRIBUTE
from handler.tweet import PoisonError, Reason, Tweet

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import WriteRequestOutputTypeDef

MOST_ITEMS: Final = 25
MOST_BYTES: Final = 16 * 1024 * 1024
"""Limits of one call ("BatchWriteItem", Amazon DynamoDB API Reference); bytes of the whole request."""

LONGEST_USERNAME: Final = 2048
LONGEST_ID: Final = 1024
LARGEST_ITEM: Final = 400 * 1024
"""Limits of a partition key, a sort key and an item, in bytes ("Constraints in Amazon DynamoDB")."""

_NAMES: Final = len("UsernameIdTimestampMessage")
_ENVELOPE: Final = 1024
"""More bytes than a request has around its items."""

_quote: Final = json.JSONEncoder(ensure_ascii=False).encode


class TableError(Exception):
    """A failure of every write, not of an item: access denied, table missing, wrong keys."""


class Put(NamedTuple):
    """A record's item, ready to be sent; `request` is its element of the call's JSON."""

    record: KinesisRecord
    key: tuple[str, str]
    request: bytes


class Outcome(NamedTuple):
    """What became of some puts; those in neither list are stored."""

    refused: list[tuple[Put, str]]
    """Refused by DynamoDB for good, with its words."""

    unfinished: list[tuple[Put, str]]
    """Not stored before the deadline, with the name of what stood in the way; they may succeed later."""


def put_of(record: KinesisRecord, tweet: Tweet, item_lifetime: int | None) -> Put:
    """Build the item's put request; `item_lifetime` is in seconds from the record's arrival.

    Raises:
        PoisonError: DynamoDB would refuse the item's size, its key's size, or a surrogate without its pair.
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
        raise PoisonError(Reason.NOT_UTF8, "a surrogate without its pair cannot be stored as UTF-8") from None
    # A character has four bytes at most, and JSON is never shorter than the strings in it: nearly every item
    # is known to fit without counting.
    if (
        4 * len(username) > LONGEST_USERNAME
        or 4 * len(identifier) > LONGEST_ID
        or len(request) > LARGEST_ITEM
    ):
        _check_sizes(tweet)
    return Put(record, (username, identifier), request)


def _check_sizes(tweet: Tweet) -> None:
    username, identifier, timestamp, message = (len(value.encode()) for value in tweet)
    if username > LONGEST_USERNAME:
        raise PoisonError(
            Reason.INVALID_KEY, f"the username has {username} bytes, at most {LONGEST_USERNAME} fit"
        )
    if identifier > LONGEST_ID:
        raise PoisonError(Reason.INVALID_KEY, f"the id has {identifier} bytes, at most {LONGEST_ID} fit")
    # The expiry attribute is left to DynamoDB, which alone knows what a number takes.
    size = _NAMES + username + identifier + timestamp + message
    if size > LARGEST_ITEM:
        raise PoisonError(Reason.TOO_LARGE, f"the item has {size} bytes, at most {LARGEST_ITEM} fit")


def chunks(puts: Iterable[Put]) -> Iterator[list[Put]]:
    """Cut puts into what one call takes, by count and by bytes."""
    chunk: list[Put] = []
    room = MOST_BYTES - _ENVELOPE
    for put in puts:
        if len(chunk) == MOST_ITEMS or len(put.request) + 1 > room:
            yield chunk
            chunk, room = [], MOST_BYTES - _ENVELOPE
        chunk.append(put)
        room -= len(put.request) + 1
    if chunk:
        yield chunk


class Table:
    """The table that the items go to, by one low-level client."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._client = boto3.client(
            "dynamodb",
            config=CLIENT.merge(Config(parameter_validation=False, user_agent="stream-processing")),
        )
        # botocore's serializer walks every member of every item; the items are JSON already, so it is given
        # none, and the body is put in its place before the call is signed.
        events = self._client.meta.events
        events.register("before-parameter-build.dynamodb.BatchWriteItem", _set_aside)
        events.register("before-call.dynamodb.BatchWriteItem", _set_body)

    def write(self, puts: list[Put], until: float) -> Outcome:
        """Write one call's worth of puts with different keys, with retries until `until` (monotonic).

        Raises:
            TableError: the failure concerns every write.
        """
        pending, obstacle = puts, "no time was left"
        for _ in attempts(until):
            try:
                pending, obstacle = self._put(pending), "UnprocessedItems"
            except (BotoCoreError, ClientError) as error:
                if _is_refusal(error):
                    return self._isolate(pending, str(error), until)
                if not is_transient(error):
                    raise TableError(
                        f"Nothing can be written to {self._name}: {error}. Check the table's name and keys, "
                        "and the role's policy; the batch comes again"
                    ) from error
                obstacle = code_of(error)
            if not pending:
                break
        return Outcome([], [(put, obstacle) for put in pending])

    def _isolate(self, puts: list[Put], error: str, until: float) -> Outcome:
        """Find what a refused call was refused for, by halves; one bad item refuses the whole call."""
        if len(puts) == 1:
            return Outcome([(puts[0], error)], [])
        middle = len(puts) // 2
        first, second = self.write(puts[:middle], until), self.write(puts[middle:], until)
        return Outcome(first.refused + second.refused, first.unfinished + second.unfinished)

    def _put(self, puts: list[Put]) -> list[Put]:
        """One call; the puts that DynamoDB left unprocessed."""
        answer = self._client.batch_write_item(
            RequestItems={self._name: cast("list[WriteRequestOutputTypeDef]", [put.request for put in puts])}
        )
        left = {
            (item["Username"]["S"], item["Id"]["S"])
            for requests in answer["UnprocessedItems"].values()
            for item in (
                cast("dict[str, dict[str, str]]", request["PutRequest"]["Item"]) for request in requests
            )
        }
        return [put for put in puts if put.key in left]


def _is_refusal(error: BotoCoreError | ClientError) -> bool:
    """Whether an item is at fault; the same error also says that the keys or the call fit no item at all."""
    return (
        isinstance(error, ClientError)
        and code_of(error) == "ValidationException"
        and not any(words in str(error) for words in _WORDS_OF_A_WRONG_TABLE)
    )


_WORDS_OF_A_WRONG_TABLE: Final = (
    "does not match the schema",
    "Missing the key",
    "Type mismatch for",
    "validation error detected",
)
"""Our items always have the same keys of the same types: what is said of these is said of the table."""


def _set_aside(params: dict[str, Any], context: dict[str, Any], **_: object) -> None:
    context["requests"] = params["RequestItems"]
    params["RequestItems"] = dict.fromkeys(params["RequestItems"], ())


def _set_body(params: dict[str, Any], context: dict[str, Any], **_: object) -> None:
    ((table, requests),) = context["requests"].items()
    params["body"] = b'{"RequestItems":{%b:[%b]}}' % (_quote(table).encode(), b",".join(requests))
