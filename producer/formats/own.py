"""Events that pass the stream byte for byte as they are given."""

from datetime import UTC, datetime

from event.item import Key
from event.limits import MAX_RECORD_BYTES
from event.payload import parse
from event.poison import PoisonError, Reason
from event.record import iso
from event.schema import Deletion, Schema, Values
from producer.sources.values import BYTE_ORDER_MARK
from producer.spooling.entry import StreamRecord

_WHITE_SPACE = b" \t\r\n"
_FALLBACK_KEY = "?"


class OwnFormat:
    """The format of an event type that is read by its schema, as the function reads it.

    Args:
        max_record_bytes: the stream's limit of a record's data and partition key.
    """

    def __init__(self, schema: Schema, max_record_bytes: int = MAX_RECORD_BYTES) -> None:
        self.schema = schema
        self._max_record_bytes = max_record_bytes

    def decode(self, line: bytes) -> StreamRecord:
        """Return the event as it is given, without the white space around it; line ends within it become spaces.

        It may be a tombstone.
        The function would quarantine what is rejected here, with the same sentence, or Kinesis would reject it.

        Raises:
            PoisonError: it is invalid, or exceeds a limit of DynamoDB or Kinesis.
        """
        data = line.removeprefix(BYTE_ORDER_MARK).strip(_WHITE_SPACE)
        key, values = self._check(data)
        line = data.replace(b"\n", b" ")  # one event is one line of the spool
        return StreamRecord(key[0], line, deletes=isinstance(values, Deletion))

    def unwrap(self, value: bytes) -> None:
        """Return None: an event passes as it was given, and a row or a document that was made of it is not it."""

    def read_key(self, data: bytes) -> Key:
        """Return the key of an event that `decode` has accepted, perhaps in an earlier run.

        If the definition has changed since, and rejects it, all such events share one partition key: they are sent
        nevertheless, and the function decides about them; what it rejects too is kept in quarantine.
        """
        try:
            return self._check(data)[0]
        except PoisonError:
            return (_FALLBACK_KEY,)

    def read_time(self, data: bytes) -> str | None:
        """Return the event's own time; None if it has none, as a tombstone, or is rejected by now."""
        schema = self.schema
        if schema.time is None:
            return None
        index = schema.names.index(schema.time)
        try:
            values = self._read(data)
        except PoisonError:
            return None
        time = None if isinstance(values, Deletion) else values[index]
        kind = schema.attributes[index].type
        return None if time is None else iso(datetime.fromtimestamp(kind.seconds(time), UTC))

    def _check(self, data: bytes) -> tuple[Key, Values]:
        """Return key and values of an event that is within every limit; numbers in the key are canonical."""
        values = self._read(data)
        key, _ = self.schema.build_item(values)
        if excess := StreamRecord(key[0], data).excess(self.schema.names[0], self._max_record_bytes):
            raise PoisonError(Reason.TOO_LARGE, excess)
        return key, values

    def _read(self, data: bytes) -> Values:
        return self.schema.read_event(parse(data))
