"""The function itself, imported as Lambda imports it, with AWS's two endpoints on loopback."""

import importlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pytest

from event.record import KinesisRecord
from event.schema import Schema
from event.types import load
from local.stubs.http import Request, Response, serving
from tests.handler.aws import BUCKET, TABLE, Aws
from tests.handler.events import record


@dataclass
class Context:
    """The part of Lambda's context that the function uses."""

    milliseconds: int = 60_000
    function_name: str = "dev-DDBEventProcessor"

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


class Services:
    """The endpoint's present state; each test brings a fresh one."""

    aws: Aws

    async def answer(self, request: Request) -> Response:
        return await self.aws.answer(request)


@pytest.fixture(scope="module")
def event_type() -> str:
    """The type of the events that the function stores; a module's own fixture chooses others."""
    return "tweet"


@pytest.fixture(scope="module")
def event(event_type: str) -> Schema:
    """Their definition."""
    return load(event_type)


@pytest.fixture(scope="module")
def services(event_type: str) -> Iterator[Services]:
    """AWS on loopback, and an environment as Lambda's, for the tests of one module."""
    state = Services()
    with serving(state.answer) as url, pytest.MonkeyPatch.context() as patch:
        environment = {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "EVENT_TYPE": event_type,
            "TABLE_NAME": TABLE,
            "QUARANTINE_BUCKET": BUCKET,
        }
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.delenv("ITEM_LIFETIME_DAYS", raising=False)
        patch.delitem(sys.modules, "handler.app", raising=False)
        yield state


@pytest.fixture
def aws(services: Services, event: Schema) -> Aws:
    """Empty services without faults."""
    services.aws = Aws(event)
    return services.aws


Invoke = Callable[..., list[str]]


@pytest.fixture(scope="module")
def invoke(services: Services, event: Schema) -> Invoke:
    """Invoke the function with records; return the sequence numbers that it reports."""
    app = importlib.import_module("handler.app")

    def call(records: Sequence[KinesisRecord], milliseconds: int = 60_000) -> list[str]:
        response = app.lambda_handler({"Records": list(records)}, Context(milliseconds))
        json.dumps(response)  # Lambda sends the response as JSON
        return [failure["itemIdentifier"] for failure in response["batchItemFailures"]]

    # The first batch makes clients and opens connections, which may take longer than a test allows a batch.
    services.aws = Aws(event)
    call([record(event.samples[0].encode()), record(b"poison")])
    return call
