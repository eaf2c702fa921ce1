"""The stack's event source mapping, and the filters that it has in AWS."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ops.aws.stack import Stack
from ops.errors import OptionsError
from stack.errors import FilterError
from stack.filters.criteria import FilterCriteria, parse_criteria

if TYPE_CHECKING:
    from mypy_boto3_lambda.type_defs import EventSourceMappingConfigurationTypeDef


READING_STATES = ("Enabled", "Creating", "Enabling", "Updating")
"""States of a mapping that reads its stream, or is about to."""


def list_mappings(stack: Stack) -> "list[EventSourceMappingConfigurationTypeDef]":
    """Return the mappings of the stack's stream that invoke the function, by whichever version or alias.

    Raises:
        botocore.exceptions.ClientError: reading mappings is not allowed.
    """
    function = stack.output("function_name")
    listed = _list_readers(stack, stack.output("stream_arn"))
    return [each for each in listed if each["FunctionArn"].split(":")[6] == function]


def works(mapping: "EventSourceMappingConfigurationTypeDef") -> bool:
    """Tell whether a mapping reads its stream, and had no problem last."""
    problem = mapping.get("LastProcessingResult", "").startswith("PROBLEM")
    return mapping["State"] in READING_STATES and not problem


def fails_to_invoke(mapping: "EventSourceMappingConfigurationTypeDef") -> bool:
    """Tell whether a mapping's problem is the function; any other is of the stream, or of the right to read it."""
    return "Function call failed" in mapping.get("LastProcessingResult", "")


def find_mapping(stack: Stack) -> "EventSourceMappingConfigurationTypeDef | None":
    """Return the mapping that reads the stack's stream and puts what it discards into its quarantine; None without.

    Raises:
        botocore.exceptions.ClientError: reading stream or mappings is not allowed.
    """
    bucket = stack.output("quarantine_bucket")
    stream = stack.kinesis.describe_stream_summary(**stack.stream)["StreamDescriptionSummary"]
    for mapping in _list_readers(stack, stream["StreamARN"]):
        destination = mapping.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination", "")
        if destination.endswith(f":::{bucket}"):
            return mapping
    return None


def _list_readers(stack: Stack, stream_arn: str) -> "Iterator[EventSourceMappingConfigurationTypeDef]":
    """Yield all mappings of a stream."""
    pages = stack.lambda_.get_paginator("list_event_source_mappings").paginate(EventSourceArn=stream_arn)
    for page in pages:
        yield from page["EventSourceMappings"]


def patterns(mapping: "EventSourceMappingConfigurationTypeDef") -> list[str]:
    """Return the patterns of a mapping's filters."""
    return [each.get("Pattern", "") for each in mapping.get("FilterCriteria", {}).get("Filters", [])]


def mapping_filters(stack: Stack) -> FilterCriteria:
    """Return the filters of the stack's mapping.

    Raises:
        OptionsError: one of them, which the program has not made, does not do as it says.
        botocore.exceptions.ClientError: reading stream or mappings is not allowed.
    """
    mapping = find_mapping(stack)
    try:
        return parse_criteria(patterns(mapping) if mapping else ())
    except FilterError as error:
        raise OptionsError(
            f"The mapping has a filter that another hand has made: {error}. `pulumi up --refresh` brings back those of "
            "the setting mappingFilters."
        ) from error
