"""Classifies AWS's errors by their codes, which differ by service."""

from botocore.exceptions import ClientError

_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403"}
_MISSING = {"NoSuchBucket", "NoSuchEntity", "NotFound", "ResourceNotFoundException", "404"}
_MISSING_OBJECT = {"NoSuchKey", "404"}


def error_code(error: ClientError) -> str:
    """Return the code of an error."""
    return error.response["Error"]["Code"]


def is_denied(error: ClientError) -> bool:
    """Whether the caller lacks a permission."""
    return error_code(error) in _DENIED


def is_missing(error: ClientError) -> bool:
    """Whether a resource does not exist."""
    return error_code(error) in _MISSING


def is_missing_object(error: ClientError) -> bool:
    """Whether an object of an existing bucket does not exist."""
    return error_code(error) in _MISSING_OBJECT
