"""Posts from Bluesky: the public Jetstream, which needs no credentials."""

from producer.sources.bluesky.source import BlueskySource

__all__ = ["BlueskySource"]
