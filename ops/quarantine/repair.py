"""Repaired payloads, which a redrive sends in the place of those in quarantine."""

import base64
import time
from typing import NamedTuple

from event.record import KinesisRecord
from event.schema import Schema


class Repair(NamedTuple):
    """The members of a quarantined record that are replaced."""

    payload: bytes
    partition_key: str
    explicit_hash_key: str | None = None


def parse_repair(payload: bytes, event: Schema) -> Repair:
    """Parse a repaired payload; its partition key is the table's, as in the producer's records.

    Raises:
        PoisonError: the function would put it into quarantine again.
    """
    record: KinesisRecord = {
        "eventID": "",
        "eventSourceARN": "",
        "kinesis": {
            "data": base64.b64encode(payload).decode(),
            "sequenceNumber": "",
            "approximateArrivalTimestamp": time.time(),
        },
    }
    key, _ = event.build_item(event.parse(record))  # checks the sizes too, and that the strings have UTF-8
    return Repair(payload, key[0])
