"""Writes items to the table with `BatchWriteItem`."""

import json
import time
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from event.item import Put
from event.schema import Schema
from handler.dynamodb import BatchWriteClient
from handler.errors import TableError
from handler.retries import attempts, error_code, is_clock_error, is_transient

MAX_CALL_ITEMS: Final = 25
MAX_CALL_BYTES: Final = 16 * 1024 * 1024
"""Limits of one call ("BatchWriteItem", Amazon DynamoDB API Reference); bytes of the whole request."""

_ENVELOPE: Final = 1024
"""More bytes than a request has around its items."""

_quote: Final = json.JSONEncoder(ensure_ascii=False).encode


class Outcome(NamedTuple):
    """The outcome of a call's puts; those in neither list are stored."""

    rejected: list[tuple[Put, str]]
    """Rejected for good, with DynamoDB's message."""

    unfinished: list[tuple[Put, str]]
    """Not stored before the deadline, with the cause; a retry may succeed."""


def chunks(puts: Iterable[Put]) -> Iterator[list[Put]]:
    """Split puts into calls, by count and by bytes."""
    chunk: list[Put] = []
    room = MAX_CALL_BYTES - _ENVELOPE
    for put in puts:
        if len(chunk) == MAX_CALL_ITEMS or len(put.request) + 1 > room:
            yield chunk
            chunk, room = [], MAX_CALL_BYTES - _ENVELOPE
        chunk.append(put)
        room -= len(put.request) + 1
    if chunk:
        yield chunk


class Table:
    """The table; several threads may write to it."""

    def __init__(self, name: str, event: Schema) -> None:
        self._name = name
        self._event = event
        self._head = b'{"RequestItems":{%b:[' % _quote(name).encode()
        self._dynamodb = BatchWriteClient()

    def write(self, puts: list[Put], deadline: float) -> Outcome:
        """Write one call's puts, all with different keys, and retry until the deadline (monotonic clock).

        Raises:
            TableError: every write fails.
        """
        pending, cause = puts, "no time left"
        for timeout in attempts(deadline):
            try:
                pending = self._put(pending, min(time.monotonic() + timeout, deadline))
                cause = "UnprocessedItems"
            except (BotoCoreError, ClientError) as error:
                if _is_rejection(error):
                    return self._isolate(pending, str(error), deadline)
                if not is_transient(error):
                    raise TableError(
                        f"Nothing can be written to {self._name}: {error}. Check the table's name and keys, "
                        "and the role's policy. The batch will be retried"
                    ) from error
                cause = f"the clock is wrong: {error}" if is_clock_error(error) else error_code(error)
            if not pending:
                break
        return Outcome([], [(put, cause) for put in pending])

    def _isolate(self, puts: list[Put], error: str, deadline: float) -> Outcome:
        """Find the items that DynamoDB rejects, by halves: one of them fails the whole call."""
        if len(puts) == 1:
            return Outcome([(puts[0], error)], [])
        middle = len(puts) // 2
        first, second = self.write(puts[:middle], deadline), self.write(puts[middle:], deadline)
        return Outcome(first.rejected + second.rejected, first.unfinished + second.unfinished)

    def _put(self, puts: list[Put], deadline: float) -> list[Put]:
        """Make one call; return the puts that DynamoDB left unprocessed.

        Raises:
            botocore.exceptions.HTTPClientError: the answer does not say which of these puts were processed.
        """
        body = self._head + b",".join(put.request for put in puts) + b"]}}"
        answer = self._dynamodb.call(body, deadline)
        try:
            left = {
                self._event.parse_key(item)
                for requests in answer["UnprocessedItems"].values()
                for item in (request["PutRequest"]["Item"] for request in requests)
            }
        except (ArithmeticError, AttributeError, LookupError, TypeError) as error:
            raise HTTPClientError(error=f"the answer is not BatchWriteItem's: {error!r}") from error
        unprocessed = [put for put in puts if put.key in left]
        if len(unprocessed) < len(left):
            raise HTTPClientError(error="the answer names items that were not sent")
        return unprocessed


def _is_rejection(error: BotoCoreError | ClientError) -> bool:
    """Tell whether an item is at fault. The same error code also reports that every item would fail."""
    return (
        isinstance(error, ClientError)
        and error_code(error) == "ValidationException"
        and not any(words in str(error) for words in _WRONG_TABLE_MESSAGES)
    )


_WRONG_TABLE_MESSAGES: Final = (
    "does not match the schema",
    "Missing the key",
    "Type mismatch for",
    "validation error detected",
)
"""Every item has the same keys of the same types, so these messages concern the table, not an item."""
