"""Classifies AWS's errors by their codes, which differ by service."""

from botocore.exceptions import ClientError

from stack.aws.causes import Cause, error_code, find_cause

_MISSING = {"NoSuchBucket", "NoSuchEntity", "NotFound", "ResourceNotFoundException", "404"}
_MISSING_OBJECT = {"NoSuchKey", "404"}


def is_denied(error: ClientError) -> bool:
    """Whether the caller lacks a permission."""
    return find_cause(error) is Cause.DENIED


def is_missing(error: ClientError) -> bool:
    """Whether a resource does not exist."""
    return error_code(error) in _MISSING


def is_missing_object(error: ClientError) -> bool:
    """Whether an object of an existing bucket does not exist."""
    return error_code(error) in _MISSING_OBJECT
