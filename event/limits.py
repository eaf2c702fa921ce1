"""Limits of Kinesis ("PutRecords", Amazon Kinesis Data Streams API Reference; "Quotas and limits", Developer Guide)."""

from typing import Final

MAX_PUT_RECORDS: Final = 500
"""Records in one call of PutRecords."""
MAX_PUT_BYTES: Final = 10 * 1024 * 1024
"""Data and partition keys in one call of PutRecords."""
MAX_RECORD_BYTES: Final = 1024 * 1024
"""Data and partition key of one record, unless the stream's own limit was raised ("PutRecords")."""
MAX_RAISED_RECORD_BYTES: Final = 10 * 1024 * 1024
"""The same on a stream whose limit was raised as far as possible ("UpdateMaxRecordSize")."""
MAX_PARTITION_KEY: Final = 256
"""Unicode characters of a partition key, which has one at least ("PutRecords")."""
SHARD_RECORDS: Final = 1000
"""Records that a shard accepts per second ("Quotas and limits")."""
SHARD_BYTES: Final = 1024 * 1024
"""Bytes that a shard accepts per second, data and partition keys ("Quotas and limits")."""
SHARD_READ_BYTES: Final = 2 * 1024 * 1024
"""Bytes that a shard delivers per second to all GetRecords calls together ("Quotas and limits")."""
