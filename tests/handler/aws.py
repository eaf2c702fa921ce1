"""DynamoDB and S3 as the function calls them: as strict as the real ones, failing on demand."""

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from event.schema import Schema
from event.types.tweet import EVENT
from local.stubs.http import Request, Response

TABLE = "dev-EventData"
BUCKET = "dev-quarantine"

Key = tuple[str | Decimal, ...]
"""Values of a key; numbers are equal by value, as DynamoDB's are."""
Item = dict[str, Any]
_Change = tuple[bool, dict[str, dict[str, Any]]]
"""Whether an element of the call deletes an item, and the attributes in it."""


class Fault(NamedTuple):
    """An error instead of an answer; status 0 drops the connection."""

    code: str
    status: int = 400
    message: str = "made up by the test"


DENIED = Fault("AccessDeniedException", message="not authorized to perform: dynamodb:BatchWriteItem")
THROTTLED = Fault("ProvisionedThroughputExceededException")
BROKEN = Fault("InternalServerError", 500)
DROPPED = Fault("", 0)


class RejectedError(Exception):
    """A ValidationException."""


@dataclass
class Aws:
    """State of both services, for a test to set up and to examine."""

    event: Schema = EVENT
    """Defines the table's keys, and the types of the attributes."""
    items: dict[Key, Item] = field(default_factory=dict)
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: list[list[Key]] = field(default_factory=list)
    """The keys of each BatchWriteItem call."""
    table_faults: deque[Fault] = field(default_factory=deque)
    """One for each of the next calls."""
    bucket_faults: deque[Fault] = field(default_factory=deque)
    unprocessed: dict[Key, int] = field(default_factory=dict)
    """The number of times that each key is yet to be left unprocessed."""
    rejected_message: str | None = None
    """An item with this message is rejected, as by an index that the function cannot know of."""
    denied_objects: set[str] = field(default_factory=set)
    """Ends of keys that the bucket does not take."""
    bucket_delay: float = 0.0
    """Seconds before an answer of the bucket."""
    bucket_pause: float = 0.0
    """Seconds between the bytes of an answer of the bucket."""
    table_answers: deque[dict[str, Any]] = field(default_factory=deque)
    """Answers to the next calls, which are not carried out."""
    before_answer: Callable[[], Awaitable[object]] | None = None

    async def answer(self, request: Request) -> Response:
        if self.before_answer:
            await self.before_answer()
        assert "authorization" in request.headers
        if request.method == "PUT":
            await asyncio.sleep(self.bucket_delay)
            return self._put_object(request)
        return self._batch_write_item(request)

    def _put_object(self, request: Request) -> Response:
        prefix = f"/{BUCKET}/"
        assert request.path.startswith(prefix)
        key = request.path.removeprefix(prefix)
        fault = self.bucket_faults.popleft() if self.bucket_faults else None
        if any(key.endswith(end) for end in self.denied_objects):
            fault = Fault("AccessDenied", 403)
        if fault:
            xml = f"<Error><Code>{fault.code}</Code><Message>{fault.message}</Message></Error>"
            return Response(fault.status, xml.encode())
        self.objects[key] = json.loads(request.body)
        return Response(pause=self.bucket_pause)

    def _batch_write_item(self, request: Request) -> Response:
        assert request.headers["x-amz-target"] == "DynamoDB_20120810.BatchWriteItem"
        if self.table_faults:
            return _error(self.table_faults.popleft())
        if self.table_answers:
            return Response(body=json.dumps(self.table_answers.popleft()).encode())
        try:
            ((table, writes),) = json.loads(request.body.decode())["RequestItems"].items()
        except UnicodeDecodeError:
            return _error(Fault("SerializationException"))
        if table != TABLE:
            return _error(Fault("ResourceNotFoundException", message="Requested resource not found"))
        changes = [_content(write) for write in writes]
        try:
            self.calls.append([self._key(content) for _, content in changes])
            self._check(changes, len(request.body))
        except RejectedError as rejection:
            return _error(Fault("ValidationException", message=str(rejection)))
        left = []
        for write, (deletes, content) in zip(writes, changes, strict=True):
            key = self._key(content)
            if self.unprocessed.get(key, 0) > 0:
                self.unprocessed[key] -= 1
                left.append(write)
            elif deletes:
                self.items.pop(key, None)
            else:
                self.items[key] = {name: value for name, typed in content.items() for value in typed.values()}
        return Response(body=json.dumps({"UnprocessedItems": {TABLE: left} if left else {}}).encode())

    def _check(self, changes: list[_Change], size: int) -> None:
        if not 1 <= len(changes) <= 25:
            raise RejectedError("1 validation error detected: Member must have length between 1 and 25")
        if size > 16 * 1024 * 1024:
            raise RejectedError("The request is over 16 MB")
        if len({self._key(content) for _, content in changes}) < len(changes):
            raise RejectedError("Provided list of item keys contains duplicates")
        types = {each.name: each.type.stored_as for each in self.event.attributes} | {"ExpiresAt": "N"}
        for deletes, item in changes:
            if deletes and item.keys() != {name for name, _ in self.event.key_types}:
                raise RejectedError("The provided key element does not match the schema")
            for name, typed in item.items():
                _check_value(typed)
                assert {types[name]} in (set(typed), {""})
            for (name, type_), limit in zip(self.event.key_types, (2048, 1024), strict=False):
                if not item[name][type_]:
                    raise RejectedError(
                        f"The AttributeValue for a key attribute cannot be empty. Key: {name}"
                    )
                if len(item[name][type_].encode()) > limit:
                    raise RejectedError(
                        f"Size of {name} has exceeded the maximum size limit of {limit} bytes"
                    )
            sizes = (
                len(name) + len(value.encode() if isinstance(value, str) else json.dumps(value))
                for name, typed in item.items()
                for value in typed.values()
            )
            if sum(sizes) > 400 * 1024:
                raise RejectedError("Item size has exceeded the maximum allowed size")
            if not deletes and self.rejected_message and item["Message"]["S"] == self.rejected_message:
                raise RejectedError("A value specified for an index key is not valid")

    def _key(self, item: dict[str, dict[str, Any]]) -> Key:
        return tuple(
            Decimal(item[name]["N"]) if type_ == "N" else item[name][type_]
            for name, type_ in self.event.key_types
        )


def _content(write: dict[str, Any]) -> _Change:
    """Return whether an element of the call deletes an item, and the attributes in it."""
    ((kind, request),) = write.items()
    ((member, content),) = request.items()
    assert (kind, member) in (("PutRequest", "Item"), ("DeleteRequest", "Key"))
    return kind == "DeleteRequest", content


def _check_value(typed: dict[str, Any]) -> None:
    """Check an attribute's value as DynamoDB does, with those that it contains."""
    ((type_, value),) = typed.items()
    match type_:
        case "S":
            assert isinstance(value, str)
        case "N":
            assert isinstance(value, str)
            assert Decimal(value).is_finite()
        case "BOOL" | "NULL":
            assert isinstance(value, bool)
        case "L":
            for each in value:
                _check_value(each)
        case "M":
            for each in value.values():
                _check_value(each)
        case _:
            raise AssertionError(type_)


def _error(fault: Fault) -> Response:
    body = {"__type": f"com.amazonaws.dynamodb.v20120810#{fault.code}", "message": fault.message}
    return Response(fault.status, json.dumps(body).encode())
