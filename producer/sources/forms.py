"""Recognises in a file's first bytes what it is, or what must be done with it before it can be read."""

import shlex
from enum import Enum

from event.payload import OTHER_COMPRESSIONS
from producer.errors import FormError
from producer.sources.values import BYTE_ORDER_MARK, ValueSplitter

_WHITE_SPACE = b" \t\r\n"
_MAX_MAGIC_BYTES = max(map(len, OTHER_COMPRESSIONS))
_UTF_16 = {
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
    **{
        form % sign: name
        for sign in (b"{", b"[")
        for form, name in ((b"%b\0", "UTF-16LE"), (b"\0%b", "UTF-16BE"))
    },
}
"""The first two bytes, with a byte order mark or without one, and the name that iconv knows."""
_UNPACK = {
    "xz": "xz -dc",
    "bzip2": "bzip2 -dc",
    "zstd": "zstd -dc",
    "LZ4": "lz4 -dc",
    "Snappy": "snzip -dc",
}


class Form(Enum):
    """The layout of events in a file; the value is its name in a message, empty for what is expected."""

    LINES = ""
    ARRAY = "a JSON array"
    VALUES = "JSON values that are not one a line"
    ARCHIVE = "X's archive"


def check_readable(start: bytes, path: str) -> None:
    """Check the first bytes of a file, decompressed if it is gzip.

    Raises:
        FormError: it is compressed in another way, or not UTF-8.
    """
    name = "Standard input" if path == "-" else path
    given = "" if path == "-" else f" {shlex.quote(path)}"
    for magic, compression in OTHER_COMPRESSIONS.items():
        if start.startswith(magic) and compression == "zip":
            raise FormError(
                f"{name} is a zip file: unpack it, as with `unzip`, and give the file that is in it."
            )
        if start.startswith(magic):
            command = f"{_UNPACK[compression]}{given}"
            raise FormError(
                f"{name} is compressed by {compression}: unpack it, as in `{command} | python -m producer "
                "--source file -`."
            )
    if encoding := _UTF_16.get(start[:2]):
        command = f"iconv -f {encoding} -t UTF-8{given}"
        raise FormError(
            f"{name} is UTF-16: convert it to UTF-8, as in `{command} | python -m producer --source file -`."
        )


def recognise(start: bytes, *, is_whole: bool, max_line: int, chunk_bytes: int) -> Form | None:
    """Return the form of a file that begins so; None if more bytes are needed to tell.

    A file is JSON lines unless its first bytes prove something else, so that one damaged line costs no other.

    Args:
        start: the first bytes.
        is_whole: the file has no more.
        max_line: limit of a line's bytes.
        chunk_bytes: so many bytes without an end of line are no line, if a value ends in them.
    """
    text = start.removeprefix(BYTE_ORDER_MARK).lstrip(_WHITE_SPACE)
    line, newline, rest = text.partition(b"\n")
    if is_whole or len(start) > max_line:
        newline = newline or b"\n"
    elif not newline and len(start) < _MAX_MAGIC_BYTES:
        return None
    if text.startswith(b"window."):
        return Form.ARCHIVE if b"[" in text or newline else None
    if text.startswith(b"["):
        return Form.ARRAY
    if not text.startswith(b"{"):
        return Form.LINES
    splitter = ValueSplitter(max_line)
    has_values = any(True for _ in splitter.feed(line))
    if not newline:
        return Form.VALUES if has_values and len(start) > chunk_bytes else None
    if not splitter.in_value or splitter.in_string:
        return Form.LINES
    # A pretty printer breaks lines where another token follows; a line that was cut short ends anywhere.
    last, following = line.rstrip(_WHITE_SPACE)[-1:], rest.lstrip(_WHITE_SPACE)[:1]
    if last not in (b"{", b"[", b",", b":") or (last in (b"{", b",") and following == b"{"):
        return Form.LINES
    return Form.VALUES if following or is_whole else None
