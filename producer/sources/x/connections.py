"""Terminates a connection that this run has lost, and that X still counts as open."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import requests
from TwitterAPI import TwitterAPI

from event.record import normalize_time
from producer.sources.x import api as x_api

_QUERY = {"status": "active", "endpoints": x_api.STREAM_NAME, "connection.fields": "connected_at,id"}
_TOLERANCE = timedelta(seconds=1)  # the header that names the time has no fractions


def time_of(response: requests.Response) -> datetime | None:
    """Return when X answered, by its own clock; None if it does not say."""
    try:
        return parsedate_to_datetime(response.headers["Date"]).astimezone(UTC)
    except (KeyError, ValueError):
        return None


def terminate_own(api: TwitterAPI, accepted_at: datetime) -> bool:
    """Terminate the run's last connection if X counts it as open; return whether it did.

    A connection is certain to be the run's if it is the only one, and is not younger: when X accepted the run's, it
    counted no other, and one that another program has opened since is younger. The times are all of X's clock.

    Args:
        api: the client.
        accepted_at: when X accepted the run's last connection, which this side has closed.

    Raises:
        Interrupted: X could not be reached, or requires a later retry.
        SourceError: X rejects a request.
    """
    match x_api.send(api, "GET", x_api.CONNECTIONS, query=_QUERY):
        case {"data": [{"id": str(identifier), "connected_at": str(time)}]}:
            connected_at = normalize_time(time)
            if connected_at and datetime.fromisoformat(connected_at) <= accepted_at + _TOLERANCE:
                x_api.send(api, "DELETE", x_api.CONNECTIONS, body={"uuids": [identifier]})
                return True
    return False
