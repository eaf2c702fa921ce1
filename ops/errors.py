"""The exceptions of the operator's commands."""

import click


class OpsError(click.ClickException):
    """Base of the commands' exceptions, shown without a traceback; exit code 1."""


class OptionsError(OpsError):
    """The options or the stack's outputs are missing or invalid. The message says what to do."""

    exit_code = 2


class UnreadableError(OpsError):
    """An object has neither the function's format nor Lambda's. The message names it."""


class MissingObjectError(OpsError):
    """An object that was listed no longer exists."""


class LeasedError(OpsError):
    """Another run of the redrive holds the lease of an object. The message names it."""


class UnsendableError(OpsError):
    """An object has a record that no stream accepts. The message names it and says why."""


class FilteredError(OpsError):
    """An object has a record that the mapping's filters would drop. The message names it."""


class ReplayError(OpsError):
    """A replay cannot continue. The message says why."""


class ExpiredShardError(OpsError):
    """The stream no longer has a shard: it was closed, and its records' retention is over. The message names it."""


class VersionError(OpsError):
    """A version of the function cannot be made live. The message says why."""
