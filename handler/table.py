"""Writes items to the table with `BatchWriteItem`."""

import json
import time
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from event.item import Write
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
    """The outcome of a call's writes; those in neither list are stored."""

    rejected: list[tuple[Write, str]]
    """Rejected for good, with DynamoDB's message."""

    unfinished: list[tuple[Write, str]]
    """Not stored before the deadline, with the cause; a retry may succeed."""


def chunks(writes: Iterable[Write]) -> Iterator[list[Write]]:
    """Split writes into calls, by count and by bytes."""
    chunk: list[Write] = []
    room = MAX_CALL_BYTES - _ENVELOPE
    for write in writes:
        if len(chunk) == MAX_CALL_ITEMS or len(write.request) + 1 > room:
            yield chunk
            chunk, room = [], MAX_CALL_BYTES - _ENVELOPE
        chunk.append(write)
        room -= len(write.request) + 1
    if chunk:
        yield chunk


class Table:
    """The table; several threads may write to it."""

    def __init__(self, name: str, event: Schema) -> None:
        self._name = name
        self._event = event
        self._head = b'{"RequestItems":{%b:[' % _quote(name).encode()
        self._dynamodb = BatchWriteClient()

    def write(self, writes: list[Write], deadline: float) -> Outcome:
        """Write one call's writes, all with different keys, and retry until the deadline (monotonic clock).

        Raises:
            TableError: every write fails.
        """
        pending, cause = writes, "no time left"
        for timeout in attempts(deadline):
            try:
                pending = self._send(pending, min(time.monotonic() + timeout, deadline))
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
        return Outcome([], [(write, cause) for write in pending])

    def _isolate(self, writes: list[Write], error: str, deadline: float) -> Outcome:
        """Find the items that DynamoDB rejects, by halves: one of them fails the whole call."""
        if len(writes) == 1:
            return Outcome([(writes[0], error)], [])
        middle = len(writes) // 2
        first, second = self.write(writes[:middle], deadline), self.write(writes[middle:], deadline)
        return Outcome(first.rejected + second.rejected, first.unfinished + second.unfinished)

    def _send(self, writes: list[Write], deadline: float) -> list[Write]:
        """Make one call; return the writes that DynamoDB left unprocessed.

        Raises:
            botocore.exceptions.HTTPClientError: the answer does not say which of these writes were processed.
        """
        body = self._head + b",".join(write.request for write in writes) + b"]}}"
        answer = self._dynamodb.call(body, deadline)
        try:
            left = {
                self._event.parse_key(
                    request["PutRequest"]["Item"]
                    if "PutRequest" in request
                    else request["DeleteRequest"]["Key"]
                )
                for requests in answer["UnprocessedItems"].values()
                for request in requests
            }
        except (ArithmeticError, AttributeError, LookupError, TypeError) as error:
            raise HTTPClientError(error=f"the answer is not BatchWriteItem's: {error!r}") from error
        unprocessed = [write for write in writes if write.key in left]
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
