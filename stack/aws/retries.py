"""The retries of boto3's clients, stated because its default changes: 1.44 makes three attempts where 1.43 made five.

The producer and the function retry by themselves (`producer/publish/publisher.py`, `handler/retries.py`); their
clients make one attempt.
"""

from typing import Any, Final

RETRIES: Final[Any] = {"mode": "standard", "total_max_attempts": 3}
"""The member `retries` of botocore's `Config`, whose type is not public."""
