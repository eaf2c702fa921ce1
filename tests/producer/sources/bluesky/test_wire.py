"""Both endpoints of Jetstream: where they are, what is asked of them, and what they answer to a bad request."""

from urllib.parse import parse_qs, urlsplit

import pytest

from producer.sources.bluesky.wire import ENDPOINTS, build_url, complete, explain, is_framed

OLD = "wss://one.example.com/subscribe"
NEW = "wss://one.example.com/xrpc/network.bsky.jetstream.subscribeEvents"


def query(address: str, cursor: int | None) -> dict[str, list[str]]:
    return parse_qs(urlsplit(build_url(address, 1000, cursor)).query)


def test_each_endpoint_has_its_own_parameters() -> None:
    posts, size = ["app.bsky.feed.post"], ["1000"]
    assert query(OLD, None) == {"wantedCollections": posts, "maxMessageSizeBytes": size}
    assert query(NEW, 7) == {
        "collections": posts,
        "kinds": ["commit"],
        "maxMessageSizeBytes": size,
        "cursor": ["7"],
    }


@pytest.mark.parametrize("address", ["wss://one.example.com", "wss://one.example.com/"])
def test_an_address_without_a_path_is_that_of_the_endpoint_that_every_server_has(address: str) -> None:
    assert complete(address) == OLD


@pytest.mark.parametrize("address", [OLD, NEW, "ws://127.0.0.1:8080/behind/a/proxy"])
def test_an_address_with_a_path_stays(address: str) -> None:
    assert complete(address) == address


def test_one_of_bluesky_s_own_servers_has_the_older_endpoint_only() -> None:
    assert [is_framed(address) for address in ENDPOINTS] == [True, True, False]


@pytest.mark.parametrize(
    ("body", "explained"),
    [
        (b'{"error":"InvalidRequest","message":"use collections"}', "InvalidRequest: use collections"),
        (b"invalid wantedCollections:\n  too many\n", "invalid wantedCollections: too many"),
        (b"", ""),
        (b'["\xff"]', '["\ufffd"]'),
    ],
)
def test_the_body_of_a_refusal_is_shown_on_one_line(body: bytes, explained: str) -> None:
    assert explain(body) == explained
