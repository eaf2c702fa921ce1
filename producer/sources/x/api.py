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

_SECONDS_TO_CONNECT = 5
_SECONDS_TO_ANSWER = 10

# TwitterAPI logs each failed connection to the root logger, besides raising an error, which is reported.
logging.getLogger().addFilter(lambda record: record.module != "TwitterError")


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


def get_json(api: TwitterAPI, resource: str, params: Json, method: str = "GET") -> Json:
    """Send one request and return the JSON object of the answer.

    Raises:
        Interrupted: X could not be reached, requires a later retry, or does not answer with JSON.
        SourceError: X rejects the request.
    """
    response = request(api, resource, params, method)
    body = _json(response)
    if body is None:
        raise Interrupted("http", f"X answered {response.status_code} with something that is not JSON")
    return body


def request(api: TwitterAPI, resource: str, params: Json, method: str = "GET") -> requests.Response:
    """Send one request; the response of the stream must be closed by the caller.

    Raises:
        Interrupted: X could not be reached, or requires a later retry.
        SourceError: X rejects the request.
    """
    try:
        response: requests.Response = api.request(resource, params, method_override=method).response
        if response.status_code < 400:
            return response
        with closing(response):
            body = _json(response) or {"title": response.reason}
    # A redirection to an invalid address raises errors that requests does not convert to its own.
    except (TwitterConnectionError, requests.RequestException, HTTPError, ValueError) as error:
        raise Interrupted("network", f"the connection to X failed ({cause(error)})") from error
    raise to_error(response.status_code, body, response.headers)


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
        return Interrupted("rate", f"another connection of this app reads the stream: close it ({message})")
    if "UsageCap" in kinds or "usage-capped" in kinds or status == 402:
        return SourceError(
            f"X delivers no more posts to this app ({message}): raise the cap or add credit at "
            "https://developer.x.com, or wait for the next period."
        )
    if status == 401:
        return SourceError(
            f"X does not accept the credentials ({message}): copy consumer_key and consumer_secret again from "
            "your app at https://developer.x.com; they change when they are regenerated."
        )
    if status == 403 or "client-forbidden" in kinds:
        return SourceError(
            f"X denies this app access ({message}): check its keys, and that its project has access to the filtered "
            "stream of API v2, at https://developer.x.com."
        )
    if status == 429:
        return Interrupted(
            "rate", f"X limits the rate ({message})", _number(headers.get("x-rate-limit-reset"))
        )
    if status == 0:
        return Interrupted("network", f"X ended the stream ({message})")
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
