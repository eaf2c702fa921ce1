"""Chooses the spool's directory: each stream has its own, and each event type of a stream."""

from collections.abc import Callable
from pathlib import Path

from event.types import DEFAULT_EVENT_TYPE, event_types
from producer.config import AwsCredentials


def choose_directory(
    parent: Path, aws: AwsCredentials, event_type: str, notify: Callable[[str], None]
) -> Path:
    """Return the directory for events of one type on one stream, which may not exist yet.

    The stream's directory of release 1.0.0 is renamed if it exists, and one of another event type that is not empty is
    named: a spool's records can be read by their own event type only.
    """
    spool, legacy = parent / aws.spool_name, parent / aws.legacy_spool_name
    if not spool.exists() and legacy.exists():
        legacy.rename(spool)
        notify(f"The spool {legacy} is now {spool}.")
    directories = {
        name: spool if name == DEFAULT_EVENT_TYPE else spool.with_name(f"{spool.name}.{name}")
        for name in event_types()
    }
    for name, directory in directories.items():
        if name != event_type and any(directory.glob("*.log")):
            notify(
                f"The spool {directory} is not empty, and of event type {name}: this run does not send what is in it; "
                f"one with --event-type {name} does."
            )
    return directories[event_type]
