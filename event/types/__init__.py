"""The event types: each module is one, and its `EVENT` defines it. A helper that is none begins with an underscore."""

from importlib import import_module
from typing import Final

from event.schema import Schema

DEFAULT_EVENT_TYPE: Final = "tweet"


def event_types() -> list[str]:
    """Return the names of the event types that there are."""
    from pkgutil import iter_modules  # the function, which needs one type only, never imports it

    return sorted(module.name for module in iter_modules(__path__) if not module.name.startswith("_"))


def load(name: str) -> Schema:
    """Return the definition of an event type.

    Raises:
        ModuleNotFoundError: there is no such event type.
        SchemaError: its definition contradicts itself.
    """
    event: Schema = import_module(f"{__name__}.{name}").EVENT
    return event
