"""`python -m producer configure`: writes the stack's outputs to the producer's configuration."""

from collections.abc import Callable
from pathlib import Path

from infra.outputs import OutputsError, read_outputs
from producer.config import AWS_KEYS, X_KEYS, read_file, write_file
from producer.errors import ConfigError

_PROJECT = Path(__file__).parent.parent


def configure(path: Path, stack: str | None, notify: Callable[[str], None]) -> None:
    """Write the AWS half of the file from `pulumi stack output` and keep the rest. Secrets are not shown.

    Args:
        path: the configuration file; created if missing, replaced atomically.
        stack: the name of the stack; None for the selected one.
        notify: called with messages for the user.

    Raises:
        ConfigError: the outputs cannot be loaded, or the file cannot be read or written.
    """
    outputs = _stack_outputs(stack)
    missing = [key for key in AWS_KEYS if not outputs.get(key)]
    if missing:
        raise ConfigError(f"The stack has no output {', '.join(missing)}: deploy it with `pulumi up`.")
    values = read_file(path) | {key: outputs[key] for key in AWS_KEYS}
    write_file(path, values)
    notify(f"{path}: stream {values['stream_name']} in {values['region']}.")
    if values.get("aws_endpoint"):
        notify(f"aws_endpoint is still {values['aws_endpoint']}: remove it to use AWS.")
    absent = [key for key in X_KEYS if not values.get(key)]
    if absent and not values.get("bearer_token"):
        notify(f"For --source x, add {', '.join(absent)}; --source bluesky needs none.")


def _stack_outputs(stack: str | None) -> dict[str, object]:
    try:
        return read_outputs(stack, show_secrets=True)
    except OutputsError as error:
        raise ConfigError(str(error)) from error
