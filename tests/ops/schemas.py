"""JSON schemas of the documents that the operator's commands write with --json."""

from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
COUNT: Schema = {"type": "integer", "minimum": 0}
NUMBER: Schema = {"type": "number"}
FIGURE: Schema = {"type": ["number", "null"], "minimum": 0}
TIME: Schema = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"}


def members(**properties: Schema) -> Schema:
    """An object with exactly these members."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def open_members(**properties: Schema) -> Schema:
    """An object with these members, and perhaps others."""
    return members(**properties) | {"additionalProperties": True}


def array(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def one_of(*values: str) -> Schema:
    return {"enum": list(values)}


_CHECK = members(
    name=TEXT, state=one_of("ok", "no data", "old", "warning", "bad", "unknown"), text=TEXT, next=TEXT
)
_ROW = {"username": TEXT, "id": TEXT, "timestamp": TEXT, "message": TEXT}
_SCAN_STATS = {"rows": COUNT, "pages": COUNT, "read_units": NUMBER, "complete": FLAG}
_FIGURE = members(newest=FIGURE, max=FIGURE, age_seconds=FIGURE)
_LOAD = members(rate=NUMBER, size=COUNT)
_PRICE = members(dollars=NUMBER, per=NUMBER, unit=TEXT, source=TEXT, noted=TEXT)
_LINES = array(members(name=TEXT, quantity=NUMBER, price=_PRICE, dollars=NUMBER, settings=TEXT))
_OBJECT = {"key": TEXT, "reason": TEXT, "since": TIME, "error": TEXT}

STATUS = members(healthy=FLAG, checks=array(_CHECK))
WATCH = members(
    time=TIME,
    period_seconds=COUNT,
    figures=members(put=_FIGURE, received=_FIGURE, stored=_FIGURE, quarantined=_FIGURE, lag=_FIGURE),
    checks=array(_CHECK),
    shards=members(read=array(TEXT), open=COUNT),
    tweets=array(members(**_ROW, stored=FLAG)),
)
EXPLORE = members(**_SCAN_STATS, newest_since={"type": ["string", "null"]}, tweets=array(members(**_ROW)))
EXPORT = members(**_SCAN_STATS, exported=COUNT)
FOLLOW = members(**_ROW)
TOP = members(
    seconds=COUNT,
    records=COUNT,
    users=array(members(username=TEXT, tweets=COUNT)),
    shards=array(members(shard=TEXT, records=COUNT, bytes=COUNT)),
)
COST = members(
    stack=TEXT,
    load=_LOAD,
    region=TEXT,
    note=TEXT,
    total=NUMBER,
    lines=_LINES,
    original=members(total=NUMBER, lines=_LINES),
    changes=array(members(setting=TEXT, dollars=NUMBER)),
    remarks=array(TEXT),
)
SIZE = members(
    stack=TEXT,
    region=TEXT,
    load=_LOAD,
    items=array(members(name=TEXT, value=TEXT, formula=TEXT, setting=TEXT)),
    quotas=array(
        members(name=TEXT, needed=NUMBER, default=NUMBER, unit=TEXT, source=TEXT, command=TEXT, passed=FLAG)
    ),
    commands=array(TEXT),
    notes=array(members(text=TEXT, command=TEXT)),
    dollars=NUMBER,
)
_TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
USE = members(stack=_TEXT_OR_NULL, outputs=_TEXT_OR_NULL, endpoint=_TEXT_OR_NULL)
QUARANTINE_LIST = open_members(
    total=COUNT,
    reasons={"type": "object", "additionalProperties": COUNT},
    objects=array(open_members(**_OBJECT, records=COUNT, redriven=COUNT)),
)
QUARANTINE_SHOW = open_members(**_OBJECT, records=array(open_members(payload=TEXT, partition_key=TEXT)))
REDRIVE = open_members(
    selected=COUNT, redriven=COUNT, records=COUNT, kept=COUNT, interrupted=FLAG, dry_run=FLAG
)
PURGE = open_members(deleted=COUNT)
VERSIONS = members(
    function=TEXT,
    live=COUNT,
    deployed={"type": ["integer", "null"]},
    versions=array(members(version=COUNT, published=TIME, sha256=TEXT)),
)
ROLLBACK = members(**{"function": TEXT, "from": COUNT, "to": COUNT, "keep": _TEXT_OR_NULL})
PRUNE = members(deleted=array(COUNT), kept=COUNT)
