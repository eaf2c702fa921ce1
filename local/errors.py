"""The exceptions of local AWS and X."""


class LocalError(Exception):
    """Base of the exceptions of local AWS and X; the message says what to do."""


class LocalAwsError(LocalError):
    """Local AWS could not be started, or ended by itself. The message ends with its last log lines."""


class DemoError(LocalError):
    """A check of the demo failed."""


class DeploymentError(LocalError):
    """A resource could not be created or deleted; the message names its type, its name and the cause."""


class NoEngineError(LocalError):
    """No Pulumi CLI was found; the message says how to get one."""


class ProviderConfigError(LocalError):
    """The stack's `aws:` configuration is invalid; the message says what to set."""
