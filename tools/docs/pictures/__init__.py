"""The pictures of `docs/images/`."""
