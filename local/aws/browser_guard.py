"""Rejects requests that a web page could make: the local servers run code and accept a well-known root key.

A browser adds `Origin` or `Sec-Fetch-*` to what a page requests from another site (Fetch Standard, "Origin"
header; W3C, "Fetch Metadata Request Headers"). A page that rebinds its own name to 127.0.0.1 is recognised by `Host`.
No SDK, CLI or program of this project sends such requests.
"""

import re
from collections.abc import Iterable

_LOOPBACK_HOST = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d+)?")


def rejection_reason(headers: Iterable[tuple[str, str]]) -> str | None:
    """Return why a request with these headers is rejected, or None if it is allowed."""
    host = ""
    for name, value in headers:
        lower = name.lower()
        if lower == "origin" or lower.startswith("sec-fetch-"):
            return f"requests of web pages are rejected here ({lower}: {value})"
        if lower == "host":
            host = value
    if not _LOOPBACK_HOST.fullmatch(host):
        return f"the host {host!r} is not a loopback address"
    return None
