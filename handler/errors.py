"""The exceptions of the function."""


class HandlerError(Exception):
    """Base of the function's exceptions."""


class VariableError(HandlerError):
    """An environment variable is missing or invalid; the message names it and says what to do."""


class EventError(HandlerError):
    """The function was invoked with something else than records of a stream."""


class TableError(HandlerError):
    """Every write fails, not a single item: access denied, table missing, wrong keys."""
