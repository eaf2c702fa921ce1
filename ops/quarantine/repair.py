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
            "partitionKey": "",
            "sequenceNumber": "",
            "approximateArrivalTimestamp": time.time(),
        },
    }
    put = event.build_put(
        record, event.parse(record), None
    )  # checks the sizes too, and that the strings have UTF-8
    return Repair(payload, put.key[0])
