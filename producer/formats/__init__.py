"""The formats in which events pass the stream: as they are given, or in one that the producer writes."""

from dataclasses import dataclass
from typing import Protocol

from event.item import Key
from event.limits import MAX_RECORD_BYTES
from event.schema import Schema, SchemaError
from event.types import DEFAULT_EVENT_TYPE, event_types, load
from producer.errors import ConfigError
from producer.sources.source import Event


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """The events in a value that is none by itself.

    Attributes:
        shape: what the value is, in words for the user.
        items: each event; the reason and the bytes of one that is rejected.
    """

    shape: str
    items: list[Event | tuple[str, bytes]]


class Format(Protocol):
    """The format of an event type.

    Attributes:
        schema: the definition of the event type.
    """

    schema: Schema

    def decode(self, line: bytes) -> Event:
        """Return the event in a line of JSON.

        Raises:
            PoisonError: it is invalid, for a reason for which the function would quarantine it.
        """

    def unwrap(self, value: bytes) -> Unwrapped | None:
        """Return the events in a value that `decode` rejects; None if it has none in a known way."""

    def read_key(self, data: bytes) -> Key:
        """Return the key of an event on the stream, which its versions share; the partition key first."""

    def read_time(self, data: bytes) -> str | None:
        """Return the own time of an event on the stream, ISO 8601; None if it has none."""


def load_format(event_type: str, max_record_bytes: int = MAX_RECORD_BYTES) -> Format:
    """Return the format of an event type, on a stream with this limit of a record's data and partition key.

    Tweets, which the producer writes itself and a row must hold, keep Kinesis's default limit.

    Raises:
        ConfigError: there is no such event type, or its definition contradicts itself.
    """
    if event_type not in event_types():
        raise ConfigError(
            f"The event type is `{event_type}`, and event/types has no such module: set `event_type` in the "
            f"configuration, PRODUCER_EVENT_TYPE or --event-type to one of {', '.join(event_types())}."
        )
    # Imported on demand: a run needs one of the two.
    if event_type == DEFAULT_EVENT_TYPE:
        from producer.formats.tweets import TweetFormat

        return TweetFormat()
    from producer.formats.own import OwnFormat

    try:
        schema = load(event_type)
        schema.validate()
    except SchemaError as error:
        raise ConfigError(f"event/types/{event_type}.py contradicts itself: {error}.") from error
    return OwnFormat(schema, max_record_bytes)
