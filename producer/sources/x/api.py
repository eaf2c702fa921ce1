"""Calls the X API v2 through TwitterAPI: endpoint, credentials, requests, and errors."""

import logging
from collections.abc import Mapping
from contextlib import closing
from urllib.parse import quote

import requests
from TwitterAPI import TwitterAPI
from TwitterAPI.TwitterError import TwitterConnectionError
from urllib3.exceptions import HTTPError

from event.payload import Json
from event.poison import PoisonError
from producer.config import XCredentials
from producer.errors import SourceError
from producer.formats.tweets import load
from producer.sources.reconnect import Interrupted, cause

ENDPOINT = "https://api.x.com"
STREAM = "tweets/search/stream"
RULES = "tweets/search/stream/rules"
CONNECTIONS = "connections"
STREAM_NAME = "filtered_stream"  # among the connections ("Get connection history")
CONSOLE = "https://console.x.com"
"""Where an app's keys, credits and limits are ("Developer Console")."""

_TERMINATE = (
    f'curl -X DELETE -H "Authorization: Bearer $BEARER_TOKEN" {ENDPOINT}/2/{CONNECTIONS}/{STREAM_NAME}'
)

_SECONDS_TO_CONNECT = 5
_SECONDS_TO_ANSWER = 10

# TwitterAPI logs each failed connection to the root logger, besides raising an error, which is reported.
logging.getLogger().addFilter(lambda record: record.module != "TwitterError")


class TooManyConnections(Interrupted):
    """The app has as many connections to the stream as it may have."""

    def __init__(self, message: str) -> None:
        super().__init__(
            "rate",
            f"another connection of this app reads the stream ({message}): stop the program that has it, or, if there "
            f"is none, run `{_TERMINATE}`",
        )


def sign_in(credentials: XCredentials, endpoint: str, silence: float) -> TwitterAPI:
    """Return a client that uses the configured bearer token, or an app-only one that it requests.

    Args:
        credentials: the app's; its access token is not used, since the stream needs app-only requests.
        endpoint: scheme and host of the API.
        silence: seconds without data after which reading the stream fails.

    Raises:
        Interrupted: X could not be reached, or requires a later retry.
        SourceError: X rejects the credentials, or the endpoint is not an address.
    """
    if not endpoint.startswith(("https://", "http://")):
        raise SourceError(f"x_endpoint is `{endpoint}`: give scheme and host, such as {ENDPOINT}.")
    api = TwitterAPI(
        oauth2_access_token=credentials.bearer_token or _bearer_token(credentials, endpoint),
        auth_type="oAuth2User",  # how the library is told to send this bearer token unchanged
        api_version="2",
    )
    # The library takes its only host, under its old name, from module constants; overriding a method points
    # this one client elsewhere.
    api._prepare_url = lambda _subdomain, path: f"{endpoint}/2/{path}"
    api.CONNECTION_TIMEOUT = _SECONDS_TO_CONNECT
    api.REST_TIMEOUT = _SECONDS_TO_ANSWER
    api.STREAMING_TIMEOUT = silence
    return api


def _bearer_token(credentials: XCredentials, endpoint: str) -> str:
    # Not by the library: it sets no timeout, and hides whether X answered or could not be reached.
    try:
        answer = requests.post(
            f"{endpoint}/oauth2/token",
            data={"grant_type": "client_credentials"},
            auth=(quote(credentials.consumer_key, safe=""), quote(credentials.consumer_secret, safe="")),
            timeout=(_SECONDS_TO_CONNECT, _SECONDS_TO_ANSWER),
        )
    except requests.RequestException as error:
        raise Interrupted("network", f"{endpoint} cannot be reached ({cause(error)})") from error
    match _json(answer):
        case {"access_token": str(token)}:
            return token
        case body if answer.status_code >= 400:
            raise to_error(answer.status_code, body or {"title": answer.reason}, answer.headers)
    raise Interrupted("http", f"X answered {answer.status_code} without a token")


def open_stream(api: TwitterAPI, fields: Mapping[str, str]) -> requests.Response:
    """Connect to the stream; the caller closes the response.

    Raises:
        TooManyConnections: the app has as many connections as it may have.
        Interrupted: X could not be reached, or requires a later retry.
        SourceError: X rejects the request.
    """
    try:
        response: requests.Response = api.request(STREAM, dict(fields)).response
        return _accepted(response)
    # A redirection to an invalid address raises errors that requests does not convert to its own.
    except (TwitterConnectionError, requests.RequestException, HTTPError, ValueError) as error:
        raise _unreachable(error) from error


def send(
    api: TwitterAPI,
    method: str,
    resource: str,
    *,
    query: Mapping[str, str] | None = None,
    body: Json | None = None,
) -> Json:
    """Send a request to the rules or the connections, and return the JSON object of the answer.

    Raises:
        Interrupted: X could not be reached, requires a later retry, or does not answer with JSON.
        SourceError: X rejects the request.
    """
    # Not by the library: it knows no connections, and sends a body without a query.
    try:
        response = requests.request(
            method,
            api._prepare_url("api", resource),
            params=query,
            json=body,
            auth=api.auth,
            timeout=(_SECONDS_TO_CONNECT, _SECONDS_TO_ANSWER),
        )
        answer = _json(_accepted(response))
    except (requests.RequestException, HTTPError, ValueError) as error:
        raise _unreachable(error) from error
    if answer is None:
        raise Interrupted("http", f"X answered {response.status_code} with something that is not JSON")
    return answer


def _accepted(response: requests.Response) -> requests.Response:
    """Return the response unless it is an error, which is raised."""
    if response.status_code < 400:
        return response
    with closing(response):
        body = _json(response) or {"title": response.reason}
    raise to_error(response.status_code, body, response.headers)


def _unreachable(error: Exception) -> Interrupted:
    return Interrupted("network", f"the connection to X failed ({cause(error)})")


def to_error(status: int, body: Json, headers: Mapping[str, str]) -> Interrupted | SourceError:
    """Convert an error of X: Interrupted if a later attempt may succeed, otherwise SourceError.

    Args:
        status: the HTTP status; 0 for an error inside the stream that has none.
        body: the problem, bare or the first of `errors`.
        headers: those of the response.
    """
    problem = _problem(body)
    message = describe(problem)
    kinds = " ".join(text(problem.get(name)) for name in ("title", "type", "connection_issue"))
    status = status or _number(problem.get("status")) or 0
    if "TooManyConnections" in kinds:
        return TooManyConnections(message)
    if "UsageCap" in kinds or "usage-capped" in kinds or status == 402:
        return SourceError(
            f"X delivers no more posts to this app ({message}): add credits or raise the spending limit at {CONSOLE}, "
            "or wait for the next period."
        )
    if status == 401:
        return SourceError(
            f"X does not accept the credentials ({message}): copy consumer_key and consumer_secret again from "
            f"your app at {CONSOLE}; they change when they are regenerated."
        )
    if status == 403 or "client-forbidden" in kinds:
        return SourceError(
            f"X denies this app access ({message}): check its keys, and that its project has access to the filtered "
            f"stream of API v2, at {CONSOLE}."
        )
    if status == 429:
        return Interrupted(
            "rate", f"X limits the rate ({message})", _number(headers.get("x-rate-limit-reset"))
        )
    if status == 0:
        return Interrupted("drop", f"X ended the stream ({message})")
    if status in {408, 409} or status >= 500:
        return Interrupted("http", f"X answered {status} ({message})")
    return SourceError(f"X rejects the request with status {status} ({message}).")


def is_about_post(message: Json) -> bool:
    """Tell whether the errors of a message without `data` concern one post, not the stream."""
    return "matching_rules" in message or any(
        "resource_type" in error for error in objects(message, "errors")
    )


def describe(body: Json) -> str:
    """Return the message of an error of X, whatever the types of its members."""
    problem = _problem(body)
    details = problem.get("details")
    messages = [problem.get("value"), problem.get("title"), problem.get("detail"), problem.get("message")]
    messages += details if isinstance(details, list) else [details]
    messages += [error.get("message") for error in objects(problem, "errors")[:1]]
    return ": ".join(dict.fromkeys(filter(None, map(text, messages)))) or "no reason given"


def text(value: object) -> str:
    """Return a string or an integer, which X's ids once were, as a string; empty for any other value."""
    if isinstance(value, str):
        return value
    return str(value) if type(value) is int else ""


def objects(body: Json, member: str) -> list[Json]:
    """Return the objects in a list; empty if the member is missing or not a list."""
    items = body.get(member)
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _problem(body: Json) -> Json:
    errors = objects(body, "errors")
    return errors[0] if errors and "title" not in body else body


def _json(response: requests.Response) -> Json | None:
    try:
        body = load(response.content)
    except PoisonError:
        return None
    return body if isinstance(body, dict) else None


def _number(value: object) -> int | None:
    digits = text(value)
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 20 else None
