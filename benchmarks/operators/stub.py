"""AWS on loopback in a process of its own, which answers each call after a latency and counts the calls."""

import argparse
import asyncio
import importlib
import json
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

from local.stubs.http import Answer, Request, Response, serving

LATENCY = 0.02
"""Seconds before an answer: what local AWS does not have, and AWS does."""

_COUNTS = "/_counts"


@contextmanager
def in_process(service: str, latency: float = LATENCY) -> Iterator[str]:
    """Serve from another process what a function makes, named as `module:function`; yield the URL."""
    command = [sys.executable, "-m", "benchmarks.operators.stub", service, "--latency", str(latency)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.communicate()  # the end of its input ends it


def get_counts(url: str) -> Counter[str]:
    """Return how often each operation was called."""
    with urllib.request.urlopen(url + _COUNTS) as answer:  # noqa: S310  -- loopback
        return Counter(json.load(answer))


def operation(request: Request) -> str:
    """Return the name of the operation that a request calls."""
    if target := request.headers.get("x-amz-target"):
        return target.rpartition(".")[2]
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return parse_qs(request.body.decode())["Action"][0]
    parts = urlsplit(request.path)
    if parts.path.endswith("/invocations"):
        return "Invoke"
    if "list-type=2" in parts.query:
        return "ListObjectsV2"
    if request.method == "POST" and "delete" in parts.query.split("&"):
        return "DeleteObjects"
    return {"GET": "GetObject", "PUT": "PutObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}.get(
        request.method, request.method
    )


def delayed(answer: Answer, latency: float) -> Answer:
    """Answer late, and count the calls."""
    counts: Counter[str] = Counter()

    async def answer_late(request: Request) -> Response:
        if request.path == _COUNTS:
            return Response(body=json.dumps(counts).encode())
        counts[operation(request)] += 1
        await asyncio.sleep(latency)
        return await answer(request)

    return answer_late


def main() -> None:
    """Serve until the end of the input."""
    parser = argparse.ArgumentParser(description="Answer as a service does, late, until the input ends.")
    parser.add_argument("service", help="module:function that returns the function which answers requests")
    parser.add_argument("--latency", type=float, default=LATENCY, help="seconds before each answer")
    arguments = parser.parse_args()
    module, _, function = arguments.service.partition(":")
    answer: Answer = getattr(importlib.import_module(module), function)()
    with serving(delayed(answer, arguments.latency)) as url:
        print(url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
