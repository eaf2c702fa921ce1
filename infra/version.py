"""The project's version, the same as in `pyproject.toml`, which a copy of the program need not have."""

VERSION = "1.0.0"
