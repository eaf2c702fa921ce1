"""Hands Pulumi's configuration over to the functions that parse it."""

from collections.abc import Callable, Mapping
from typing import TypeVar

import pulumi
import pulumi_aws as aws
from pulumi.runtime.config import CONFIG, get_config, get_config_env

from stack.errors import SettingsError
from stack.outputs import is_loopback

S = TypeVar("S")


def load(parse: Callable[[Mapping[str, str], str, str], S]) -> S:
    """Return the settings that `parse` makes of the configuration, the project's name and the stack's name.

    The configuration has the stack's region in any case: the provider's own, from the environment or a profile, where
    the stack's file does not name it.

    Raises:
        pulumi.RunError: a setting is invalid. The engine shows the message only, without a traceback.
    """
    values = {key: get_config(key) for key in {**get_config_env(), **CONFIG.get()}}
    if "aws:region" not in values:
        values["aws:region"] = aws.get_region().region
    try:
        return parse(values, pulumi.get_project(), pulumi.get_stack())
    except SettingsError as error:
        raise pulumi.RunError(str(error)) from error


def local_endpoint() -> str | None:
    """Return the address of local AWS, if that is where `aws:endpoints` leads."""
    endpoints = pulumi.Config("aws").get_object("endpoints") or []
    address = next((each["kinesis"] for each in endpoints if "kinesis" in each), "")
    return address if is_loopback(address) else None
