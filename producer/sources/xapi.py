"""Calls the X API v2 through TwitterAPI: endpoint, credentials, and the meaning of errors."""

import logging
from collections.abc import Mapping
from contextlib import closing
from typing import Any
from urllib.parse import quote

import requests
from TwitterAPI import TwitterAPI
from TwitterAPI.TwitterError import TwitterConnectionError

from handler.tweet import Json
from producer.config import XCredentials
from producer.errors import SourceError
from producer.sources.reconnect import Interrupted, cause

ENDPOINT = "https://api.x.com"
STREAM = "tweets/search/stream"
RULES = "tweets/search/stream/rules"

_SECONDS_TO_CONNECT = 5
_SECONDS_TO_ANSWER = 10

# TwitterAPI logs each failed connection to the root logger, besides raising an error, which is reported.
logging.getLogger().addFilter(lambda record: record.module != "TwitterError")


def sign_in(credentials: XCredentials, endpoint: str, silence: float) -> TwitterAPI:
    """Get an app-only bearer token, unless one is configured, and a client that uses it.

    Args:
        credentials: the app's; its access token is not used, since the stream takes app-only requests.
        endpoint: scheme and host of the API.
        silence: seconds without a byte after which reading the stream fails.

    Raises:
        Interrupted: X could not be reached, or asks to retry later.
        SourceError: X refuses the credentials, or the endpoint is not an address.
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
    # Not by the library: it sets no timeout, and hides whether X refused or could not be reached.
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
            raise refusal(answer.status_code, body or {"title": answer.reason}, answer.headers)
    raise Interrupted("http", f"X answered {answer.status_code} without a token")


def ask(api: TwitterAPI, resource: str, params: Json, method: str = "GET") -> Json:
    """Send one request; return the JSON object of the answer.

    Raises:
        Interrupted: X could not be reached, asks to retry later, or does not answer with JSON.
        SourceError: X refuses.
    """
    response = request(api, resource, params, method)
    body = _json(response)
    if body is None:
        raise Interrupted("http", f"X answered {response.status_code} with something that is not JSON")
    return body


def request(api: TwitterAPI, resource: str, params: Json, method: str = "GET") -> requests.Response:
    """Send one request; the response of the stream must be closed by the caller.

    Raises:
        Interrupted: X could not be reached, or asks to retry later.
        SourceError: X refuses.
    """
    try:
        response: requests.Response = api.request(resource, params, method_override=method).response
        if response.status_code < 400:
            return response
        with closing(response):
            body = _json(response) or {"title": response.reason}
    except (TwitterConnectionError, requests.RequestException) as error:
        raise Interrupted("network", f"the connection to X failed ({cause(error)})") from error
    raise refusal(response.status_code, body, response.headers)


def refusal(status: int, body: Json, headers: Mapping[str, str]) -> Interrupted | SourceError:
    """Interpret an error of X: retry later, or give up and tell the user why.

    Args:
        status: the HTTP status; 0 for an error inside the stream that names none.
        body: the problem, bare or the first of `errors`.
        headers: those of the response.
    """
    problem = _problem(body)
    message = _said(problem)
    kinds = f"{problem.get('title')} {problem.get('type')} {problem.get('connection_issue')}"
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
            f"X refuses this app ({message}): check its keys, and that its project has access to the filtered "
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
    return SourceError(f"X refuses the request with {status} ({message}).")


def _problem(body: Json) -> Json:
    errors = body.get("errors")
    if "title" not in body and isinstance(errors, list) and errors and isinstance(errors[0], dict):
        return errors[0]
    return body


def _said(problem: Json) -> str:
    errors = problem.get("errors")
    first: Any = errors[0] if isinstance(errors, list) and errors else None
    sayings = [problem.get("value"), problem.get("title"), problem.get("detail"), problem.get("message")]
    sayings += problem.get("details") or []
    sayings.append(first.get("message") if isinstance(first, dict) else None)
    return ": ".join(dict.fromkeys(str(saying) for saying in sayings if saying)) or "no reason given"


def _json(response: requests.Response) -> Json | None:
    try:
        body = response.json()
    except requests.JSONDecodeError:
        return None
    return body if isinstance(body, dict) else None


def _number(value: object) -> int | None:
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() else None
