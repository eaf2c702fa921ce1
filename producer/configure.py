"""`python -m producer configure`: writes the stack's outputs to the producer's configuration."""

from collections.abc import Callable
from pathlib import Path

from event.types import DEFAULT_EVENT_TYPE
from producer.config import STACK_KEYS, STREAM_KEYS, X_KEYS, read_file, write_file
from producer.errors import ConfigError
from stack.errors import OutputsError
from stack.outputs import ENDPOINT_OUTPUT, read_outputs


def configure(path: Path, stack: str | None, notify: Callable[[str], None]) -> None:
    """Write the AWS half of the file from `pulumi stack output`; the rest stays. Secrets are not shown.

    Args:
        path: the configuration file; created if missing, replaced atomically.
        stack: the name of the stack; None for the selected one.
        notify: called with messages for the user.

    Raises:
        ConfigError: the outputs cannot be loaded, or the file cannot be read or written.
    """
    outputs = _stack_outputs(stack)
    missing = [key for key in STREAM_KEYS if not outputs.get(key)]
    if missing:
        raise ConfigError(f"The stack has no output {', '.join(missing)}: deploy it with `pulumi up`.")
    others = {key: value for key, value in read_file(path).items() if key not in STACK_KEYS}
    values = others | {key: outputs[key] for key in (*STACK_KEYS, ENDPOINT_OUTPUT) if outputs.get(key)}
    write_file(path, values)
    notify(f"{path}: stream {values['stream_name']} in {values['region']}.")
    if not values.get("access_key"):
        policy = outputs.get("producer_policy_arn")
        identity = (
            f"a role that has the policy {policy}"
            if policy
            else f"an identity that may put records on {values.get('stream_arn', values['stream_name'])}"
        )
        notify(f"The stack has no access key: run the producer with {identity}.")
    if (endpoint := values.get(ENDPOINT_OUTPUT)) and not outputs.get(ENDPOINT_OUTPUT):
        notify(f"{ENDPOINT_OUTPUT} is still {endpoint}: remove it to use AWS.")
    if (event_type := values.get("event_type", DEFAULT_EVENT_TYPE)) != DEFAULT_EVENT_TYPE:
        notify(f"The stack's event type is {event_type}: send such events with --source file.")
        return
    absent = [key for key in X_KEYS if not values.get(key)]
    if absent and not values.get("bearer_token"):
        notify(f"To use --source x, add {', '.join(absent)} to the file; --source bluesky needs no keys.")


def _stack_outputs(stack: str | None) -> dict[str, object]:
    try:
        return read_outputs(stack, show_secrets=True)
    except OutputsError as error:
        raise ConfigError(str(error)) from error
