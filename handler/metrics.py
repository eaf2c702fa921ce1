"""The function's metrics, in CloudWatch's Embedded Metric Format.

A line of JSON on standard output becomes metrics without a call to CloudWatch ("Specification: Embedded metric
format", Amazon CloudWatch User Guide).
"""

from typing import Final

NAMESPACE: Final = "StreamProcessing"
DIMENSION: Final = "FunctionName"

RECEIVED: Final = "Received"
STORED: Final = "Stored"
DUPLICATES: Final = "Duplicates"
QUARANTINED: Final = "Quarantined"
FAILED: Final = "Failed"
LAG: Final = "Lag"
