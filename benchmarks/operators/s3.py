"""A bucket of S3 on loopback, as strict as S3 where the operator's commands rely on it.

Pages of at most 1,000 keys, conditional writes, and DeleteObjects ("ListObjectsV2", "PutObject" and
"DeleteObjects", Amazon S3 API Reference).
"""

import bisect
import hashlib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from local.stubs.http import Request, Response

_MAX_KEYS = 1000
_EPOCH = datetime(2026, 11, 29, tzinfo=UTC)


class Bucket:
    """A bucket whose objects' content is made when it is first read, so that a million cost little.

    Args:
        keys: those of the objects that it holds, sorted; each object is a second younger than the one before.
        body: makes the content of one of them.
    """

    def __init__(self, keys: Iterable[str], body: Callable[[str], bytes], size: int = 1000) -> None:
        self._keys = list(keys)
        assert self._keys == sorted(self._keys)
        self._body = body
        self._size = size
        self._written: dict[str, bytes] = {}
        self._modified: dict[str, str] = {}

    def answer(self, request: Request) -> Response:
        """Answer one request, path-style."""
        parts = urlsplit(request.path)
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        key = unquote(parts.path.lstrip("/").partition("/")[2])
        if "list-type" in query:
            return self._list(query)
        if "delete" in query:
            return self._delete_all(request.body)
        match request.method:
            case "PUT":
                return self._put(key, request)
            case "DELETE":
                self._delete(key)
                return Response(status=204)
            case _:
                return self._get(key)

    def _has(self, key: str) -> bool:
        at = bisect.bisect_left(self._keys, key)
        return at < len(self._keys) and self._keys[at] == key

    def _content(self, key: str) -> bytes:
        return self._written[key] if key in self._written else self._body(key)

    def _get(self, key: str) -> Response:
        if not self._has(key):
            return _error(404, "NoSuchKey")
        body = self._content(key)
        return Response(body=body, headers={"ETag": _etag(body), "Last-Modified": self._http_time(key)})

    def _put(self, key: str, request: Request) -> Response:
        exists = self._has(key)
        if request.headers.get("if-none-match") == "*" and exists:
            return _error(412, "PreconditionFailed")
        if expected := request.headers.get("if-match"):
            if not exists:
                return _error(404, "NoSuchKey")
            if expected.strip('"') != _etag(self._content(key)).strip('"'):
                return _error(412, "PreconditionFailed")
        if not exists:
            bisect.insort(self._keys, key)
        self._written[key] = request.body
        self._modified[key] = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.000Z}"
        return Response(headers={"ETag": _etag(request.body)})

    def _delete(self, key: str) -> None:
        self._delete_sorted([key])

    def _delete_all(self, body: bytes) -> Response:
        keys = [element.text or "" for element in ElementTree.fromstring(body).iter() if _is(element, "Key")]
        if len(keys) > _MAX_KEYS:
            return _error(400, "MalformedXML")
        self._delete_sorted(sorted(keys))
        return Response(body=b"<DeleteResult/>")

    def _delete_sorted(self, keys: list[str]) -> None:
        """Delete runs of neighbours at once: one by one, a million would take minutes."""
        spans: list[tuple[int, int]] = []
        for key in filter(self._has, keys):
            self._written.pop(key, None)
            self._modified.pop(key, None)
            at = bisect.bisect_left(self._keys, key)
            if spans and spans[-1][1] == at:
                spans[-1] = spans[-1][0], at + 1
            else:
                spans.append((at, at + 1))
        for start, end in reversed(spans):
            del self._keys[start:end]

    def _list(self, query: dict[str, str]) -> Response:
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter")
        after = query.get("continuation-token") or query.get("start-after", "")
        limit = min(int(query.get("max-keys", _MAX_KEYS)), _MAX_KEYS)
        encode = quote if query.get("encoding-type") == "url" else escape
        parts: list[str] = []
        at = max(bisect.bisect_left(self._keys, prefix), bisect.bisect_right(self._keys, after))
        last = ""
        while at < len(self._keys) and self._keys[at].startswith(prefix) and len(parts) < limit:
            last = self._keys[at]
            end = last.find(delimiter, len(prefix)) if delimiter else -1
            if end < 0:
                parts.append(
                    f"<Contents><Key>{encode(last)}</Key><LastModified>{self._time(at)}</LastModified>"
                    f"<ETag>&quot;00000000000000000000000000000000&quot;</ETag><Size>{self._size}</Size>"
                    "<StorageClass>STANDARD</StorageClass></Contents>"
                )
                at += 1
            else:
                last = last[: end + 1] + "\U0010ffff"
                parts.append(f"<CommonPrefixes><Prefix>{encode(last[:-1])}</Prefix></CommonPrefixes>")
                at = bisect.bisect_right(self._keys, last)
        more = at < len(self._keys) and self._keys[at].startswith(prefix)
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>quarantine</Name>'
            f"<Prefix>{encode(prefix)}</Prefix><KeyCount>{len(parts)}</KeyCount><MaxKeys>{limit}</MaxKeys>"
            + ("<EncodingType>url</EncodingType>" if encode is quote else "")
            + f"<IsTruncated>{str(more).lower()}</IsTruncated>"
            + (f"<NextContinuationToken>{escape(last)}</NextContinuationToken>" if more else "")
            + "".join(parts)
            + "</ListBucketResult>"
        )
        return Response(body=body.encode())

    def _time(self, at: int) -> str:
        key = self._keys[at]
        return self._modified.get(key) or f"{_EPOCH + timedelta(seconds=at % 86_400):%Y-%m-%dT%H:%M:%S.000Z}"

    def _http_time(self, key: str) -> str:
        moment = self._time(bisect.bisect_left(self._keys, key))
        return format_datetime(datetime.fromisoformat(moment), usegmt=True)


def _is(element: ElementTree.Element, name: str) -> bool:
    return element.tag.rpartition("}")[2] == name


def _etag(body: bytes) -> str:
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'


def _error(status: int, code: str) -> Response:
    return Response(
        status=status, body=f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()
    )
