"""The exceptions of the producer."""


class ProducerError(Exception):
    """Base of the producer's exceptions; the message says what to do."""


class ConfigError(ProducerError):
    """The configuration is invalid; the message names the key, the file and what to do. Exit code 2."""


class OutputError(ProducerError):
    """Standard output cannot be written; ends the run with exit code 1."""


class PublishError(ProducerError):
    """The stream refuses every call, and retrying is useless; the message names the identity, stream and cause."""


class SourceError(ProducerError):
    """The source cannot continue; the message says why and what to do next. Ends the run with exit code 1."""


class SpoolError(ProducerError):
    """The spool cannot be opened; the message says why and what to do."""
