"""The names of the function's metrics, in CloudWatch."""

from typing import Final

NAMESPACE: Final = "StreamProcessing"
DIMENSION: Final = "FunctionName"

RECEIVED: Final = "Received"
STORED: Final = "Stored"
DELETED: Final = "Deleted"
DUPLICATES: Final = "Duplicates"
QUARANTINED: Final = "Quarantined"
FAILED: Final = "Failed"
LAG: Final = "Lag"

UNITS: Final = {
    RECEIVED: "Count",
    STORED: "Count",
    DELETED: "Count",
    DUPLICATES: "Count",
    QUARANTINED: "Count",
    FAILED: "Count",
    LAG: "Milliseconds",
}
"""Every metric that the function emits, with its unit."""
