"""JSON as `json` writes it, except that a Decimal keeps its digits."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from ops.terminal.exact_json import encode

DOCUMENT: Any = {
    "text": "Tee & Käse \x1b\x7f\u2028",
    "none": {},
    "empty": [],
    "pair": (1, 2.5),
    "deep": [{"a": [True, None, [1]]}, "x"],
}


def test_a_document_is_written_as_the_standard_library_writes_it() -> None:
    assert encode(DOCUMENT) == json.dumps(DOCUMENT)
    assert encode(DOCUMENT, indent=True) == json.dumps(DOCUMENT, indent=2)
    assert encode(DOCUMENT, ensure_ascii=False) == json.dumps(DOCUMENT, ensure_ascii=False)


def test_a_decimal_keeps_its_digits_and_a_time_is_a_text() -> None:
    noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    document = {
        "price": Decimal("19.90"),
        "all": [Decimal("12345678901234567.89"), Decimal("1E+30")],
        "at": noon,
    }
    assert encode(document) == (
        '{"price": 19.90, "all": [12345678901234567.89, 1E+30], "at": "2026-11-24T12:00:00.000Z"}'
    )


def test_what_has_no_json_form_is_an_error() -> None:
    with pytest.raises(TypeError, match="set has no JSON form"):
        encode({"a": {1}})
