"""The exceptions of the operator's commands."""

import click


class OpsError(click.ClickException):
    """Base of the commands' exceptions, shown without a traceback; exit code 1."""


class ConfigError(OpsError):
    """The options or the stack's outputs are missing or invalid. The message says what to do."""

    exit_code = 2


class UnreadableError(OpsError):
    """An object has neither the function's format nor Lambda's. The message names it."""


class GoneError(OpsError):
    """An object that was listed no longer exists."""
