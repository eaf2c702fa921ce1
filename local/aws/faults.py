"""Injects faults into local AWS that a producer, a function or a mapping must survive.

A rule names one operation as a policy does (``kinesis:PutRecords``, ``lambda:InvokeFunction``) and how often
it fails in which way. Rules are set when the server starts, or while it runs:

    aws.faults.set("kinesis:PutRecords", entries=0.1)          # a tenth of the entries is throttled
    aws.faults.set("dynamodb:BatchWriteItem", error=1, times=2)  # the next two calls answer 500
    aws.faults.clear()
"""

import asyncio
import json
import random
import urllib.request
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

Answer = tuple[int, dict[str, str], bytes]
"""An HTTP response: status, headers, body."""

CONTROL_PATH = "/_local/faults"
_RATES = ("entries", "throttle", "error", "reset", "lost")
_JSON = {"Content-Type": "application/x-amz-json-1.1"}


class ConnectionLost(BaseException):  # not an Exception: it must pass every `except Exception`
    """Tells the server to reset the connection instead of answering."""


@dataclass
class Fault:
    """One rule. Rates are fractions between 0 and 1 of the calls, and of the entries of a batch call.

    Attributes:
        operation: the IAM action, for instance ``kinesis:PutRecords``.
        entries: throttled entries, as PutRecords and BatchWriteItem report them one by one.
        throttle: calls rejected as a whole with the service's throttling error.
        error: calls answered with status 500.
        reset: calls whose connection is reset before anything was done.
        lost: calls that are carried out, and whose connection is then reset instead of answered.
        delay: seconds added to every call.
        times: maximum number of calls affected; None means no limit.
    """

    operation: str
    entries: float = 0
    throttle: float = 0
    error: float = 0
    reset: float = 0
    lost: float = 0
    delay: float = 0
    times: int | None = None

    def __post_init__(self) -> None:
        for name in _RATES:
            if not 0 <= getattr(self, name) <= 1:
                rate = f"{self.operation} {name}={getattr(self, name)}"
                raise ValueError(f"{rate}: a rate is between 0 (never) and 1 (always)")
        if self.entries and self.operation not in _ENTRY_FAULTS:
            raise ValueError(
                f"{self.operation} entries={self.entries}: only {' and '.join(_ENTRY_FAULTS)} have entries"
            )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a rule from a command line: ``kinesis:PutRecords entries=0.1 delay=0.05``.

        Raises:
            ValueError: the text is not a rule; the message says what is allowed.
        """
        operation, *settings = text.split() or [""]
        allowed = [field.name for field in fields(cls) if field.name != "operation"]
        values: dict[str, Any] = {}
        for setting in settings:
            name, _, value = setting.partition("=")
            if name not in allowed:
                raise ValueError(f"{setting}: expected one of {', '.join(allowed)}, as in error=0.1")
            try:
                values[name] = int(value) if name == "times" else float(value)
            except ValueError:
                raise ValueError(f"{setting}: {value!r} is not a number") from None
        if ":" not in operation or not values:
            raise ValueError(
                f"{text!r}: expected an operation and a fault, as in kinesis:PutRecords entries=0.1"
            )
        return cls(operation, **values)


def rules_from(values: Iterable[dict[str, Any]]) -> dict[str, Fault]:
    """Return the rules by operation, from their JSON form."""
    return {value["operation"]: Fault(**value) for value in values}


class Faults:
    """The fault rules of a running server."""

    def __init__(self, endpoint: str, rules: Iterable[Fault] = ()) -> None:
        self._url = endpoint + CONTROL_PATH
        self._rules = {rule.operation: rule for rule in rules}
        self._send()

    def set(self, operation: str, **rates: Any) -> None:
        """Set the rule of one operation, replacing the one it had. See ``Fault`` for what can be set.

        Raises:
            ValueError: a rate outside 0 to 1, or entries of an operation that has none.
        """
        self._rules[operation] = Fault(operation, **rates)
        self._send()

    def clear(self) -> None:
        """Let every operation work again."""
        self._rules.clear()
        self._send()

    def injected(self) -> dict[str, int]:
        """Count the injected faults since the rules last changed: ``{"kinesis:PutRecords error": 3}``."""
        with urllib.request.urlopen(self._url, timeout=60) as answer:  # noqa: S310 # our own loopback server
            counts: dict[str, int] = json.load(answer)
            return counts

    def _send(self) -> None:
        rules = json.dumps([asdict(rule) for rule in self._rules.values()]).encode()
        request = urllib.request.Request(self._url, rules, method="PUT")  # noqa: S310 # our own loopback server
        urllib.request.urlopen(request, timeout=60).close()  # noqa: S310


class Injector:
    """The server's side: answers a call itself, or passes it on, changed or unchanged."""

    def __init__(self, chance: Callable[[], float] = random.random) -> None:
        self.rules: dict[str, Fault] = {}
        self.injected: Counter[str] = Counter()
        self._chance = chance

    async def answer(self, operation: str, body: bytes, call: Callable[[bytes], Awaitable[Answer]]) -> Answer:
        """Carry out ``call`` with ``body``, subject to the rule of ``operation``.

        Raises:
            ConnectionLost: the connection is to be reset instead of answered.
        """
        rule = self.rules.get(operation)
        if rule is None or rule.times == 0:
            return await call(body)
        await asyncio.sleep(rule.delay)
        for fault in ("reset", "error", "throttle"):
            if self._strikes(rule, fault):
                if fault == "reset":
                    raise ConnectionLost
                return _error_answer(operation, fault)
        if rule.entries:
            answer = await self._some_entries(rule, body, call)
        else:
            answer = await call(body)
        if self._strikes(rule, "lost"):
            raise ConnectionLost
        return answer

    def _strikes(self, rule: Fault, fault: str) -> bool:
        if rule.times == 0 or self._chance() >= getattr(rule, fault):
            return False
        if rule.times is not None:
            rule.times -= 1
        self.injected[f"{rule.operation} {fault}"] += 1
        return True

    async def _some_entries(
        self, rule: Fault, body: bytes, call: Callable[[bytes], Awaitable[Answer]]
    ) -> Answer:
        take_out, put_back, nothing_done = _ENTRY_FAULTS[rule.operation]
        remaining, throttled = take_out(json.loads(body), lambda: self._chance() < rule.entries)
        if not throttled:
            return await call(body)
        if rule.times is not None:
            rule.times -= 1
        self.injected[f"{rule.operation} entries"] += len(throttled)
        answer = (
            (200, dict(_JSON), nothing_done)
            if remaining is None
            else await call(json.dumps(remaining).encode())
        )
        status, headers, content = answer
        if status != 200:
            return answer
        changed = json.dumps(put_back(json.loads(content), throttled)).encode()
        return (
            status,
            {name: value for name, value in headers.items() if name.lower() != "x-amz-crc32"},
            changed,
        )


def _error_answer(operation: str, fault: str) -> Answer:
    if fault == "error":
        code, message, status = "InternalFailure", "An injected fault: internal error.", 500
    else:
        code = _THROTTLING.get(operation.split(":")[0], "ThrottlingException")
        message, status = "An injected fault: rate exceeded.", 400
    if operation.startswith("s3:"):
        # S3 speaks XML, and throttles with 503 (Amazon S3 API reference, "Error responses").
        content = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        return 503 if fault == "throttle" else 500, {"Content-Type": "application/xml"}, content.encode()
    content = json.dumps({"__type": code, "message": message})
    return status, {**_JSON, "x-amzn-ErrorType": code}, content.encode()


_THROTTLING = {
    "dynamodb": "ProvisionedThroughputExceededException",
    "kinesis": "ProvisionedThroughputExceededException",
    "lambda": "TooManyRequestsException",
    "s3": "SlowDown",
}

# --- Entries of batch calls: take some out, let the rest pass, put what was taken out into the answer ----

Entries = list[Any]
Chooser = Callable[[], bool]


def _take_records(request: dict[str, Any], is_throttled: Chooser) -> tuple[dict[str, Any] | None, Entries]:
    throttled = [index for index, _ in enumerate(request["Records"]) if is_throttled()]
    remaining = [record for index, record in enumerate(request["Records"]) if index not in set(throttled)]
    return ({**request, "Records": remaining} if remaining else None), throttled


def _put_records_back(answer: dict[str, Any], throttled: Entries) -> dict[str, Any]:
    failure = {
        "ErrorCode": "ProvisionedThroughputExceededException",
        "ErrorMessage": "An injected fault: rate exceeded for shard.",
    }
    records = list(answer["Records"])
    for index in throttled:
        records.insert(index, failure)
    failed = answer["FailedRecordCount"] + len(throttled)
    return {**answer, "FailedRecordCount": failed, "Records": records}


def _take_items(request: dict[str, Any], is_throttled: Chooser) -> tuple[dict[str, Any] | None, Entries]:
    remaining: dict[str, Any] = {}
    throttled = []
    for table, writes in request["RequestItems"].items():
        for write in writes:
            if is_throttled():
                throttled.append((table, write))
            else:
                remaining.setdefault(table, []).append(write)
    return ({**request, "RequestItems": remaining} if remaining else None), throttled


def _put_items_back(answer: dict[str, Any], throttled: Entries) -> dict[str, Any]:
    unprocessed = dict(answer.get("UnprocessedItems", {}))
    for table, write in throttled:
        unprocessed.setdefault(table, []).append(write)
    return {**answer, "UnprocessedItems": unprocessed}


_ENTRY_FAULTS: dict[str, tuple[Callable[..., Any], Callable[..., Any], bytes]] = {
    "kinesis:PutRecords": (_take_records, _put_records_back, b'{"FailedRecordCount": 0, "Records": []}'),
    "dynamodb:BatchWriteItem": (_take_items, _put_items_back, b'{"UnprocessedItems": {}}'),
}
