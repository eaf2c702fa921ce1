"""The AWS quotas that a plan needs, with their defaults and the commands that ask for more."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from ops.planning.estimate import Load
from stack.settings import Settings

_KINESIS = "Quotas and limits, Amazon Kinesis Data Streams Developer Guide"
_LAMBDA = "Lambda quotas, AWS Lambda Developer Guide"
_DYNAMODB = "Quotas in Amazon DynamoDB, Amazon DynamoDB Developer Guide"
SMALL_SHARD_QUOTA = 1000
"""Default of shards outside of these regions; some accounts have 6,000."""
LARGE_REGIONS = ("us-east-1", "us-west-2", "eu-west-1")
"""Regions with the higher quotas of Kinesis."""
SHARD_QUOTA = (
    "aws service-quotas list-service-quotas --region {region} --service-code kinesis "
    "--query \"Quotas[?QuotaName=='Shards per Region'].{member}\" --output text"
)
"""Command that shows a member of the quota of shards: its code, or the account's value."""


@dataclass(frozen=True, slots=True)
class Quota:
    """An AWS quota in the account and region, with its default value and the command that asks for more."""

    name: str
    needed: float
    default: float
    unit: str
    source: str
    command: str

    @property
    def passed(self) -> bool:
        """Whether the plan needs more than the default."""
        return self.needed > self.default


def quotas(settings: Settings, concurrency: int, units: float, load: Load, region: str) -> Iterator[Quota]:
    """Yield the quotas of the account and region; `units` are write units per second."""
    large = region in LARGE_REGIONS
    if settings.stream.shards is None:
        megabytes = load.rate * load.size / 1_000_000
        support = "a support ticket: Kinesis, on-demand throughput"
        yield Quota("On-demand stream", megabytes, 10_000 if large else 200, "MB/s", _KINESIS, support)
    else:
        shards = float(settings.stream.shards)
        default = 20_000 if large else SMALL_SHARD_QUOTA
        yield Quota("Shards per Region", shards, default, "shards", _KINESIS, _by_name(shards, region))
    yield Quota(
        "Concurrent executions",
        concurrency,
        1000,
        "invocations",
        _LAMBDA,
        _by_code("lambda", "L-B99A9384", concurrency, region),
    )
    table = settings.table.capacity.max_write if settings.table.capacity else math.ceil(units)
    yield Quota(
        "Table-level write throughput",
        table,
        40_000,
        "writes/s",
        _DYNAMODB,
        _by_code("dynamodb", "L-AB614373", table, region),
    )
    if settings.table.capacity:
        yield Quota(
            "Account-level write throughput, provisioned",
            table,
            80_000,
            "writes/s",
            _DYNAMODB,
            _by_code("dynamodb", "L-34F8CCC8", table, region),
        )


def _by_code(service: str, code: str, value: float, region: str) -> str:
    return (
        f"aws service-quotas request-service-quota-increase --region {region} --service-code {service} "
        f"--quota-code {code} --desired-value {value:.0f}"
    )


def _by_name(value: float, region: str) -> str:
    """Ask for more shards; the quota's code is looked up by its name."""
    look_up = SHARD_QUOTA.format(region=region, member="QuotaCode")
    return _by_code("kinesis", f'"$({look_up})"', value, region)
