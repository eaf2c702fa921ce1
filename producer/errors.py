"""The exceptions of the producer: one tree, whose messages say what to do next."""


class ProducerError(Exception):
    """Base of the producer's exceptions."""


class ConfigError(ProducerError):
    """The configuration is invalid; the message names the key, the file and what to do. Exit code 2."""


class EventError(ProducerError):
    """An event that an application puts is invalid; the message names the reason."""


class OutputError(ProducerError):
    """Standard output cannot be written; ends the run with exit code 1."""


class PublishError(ProducerError):
    """AWS denies every call, and retrying is useless; the message names the identity, stream and cause."""


class SourceError(ProducerError):
    """The source cannot continue; the message names the cause. Ends the run with exit code 1."""


class SpoolError(ProducerError):
    """The spool cannot be used; the message names the folder and the cause."""


class FormError(SourceError):
    """The source's form cannot be read; the message says what to do with it. Ends the run with exit code 2."""
