"""What holds data outlives a mistake, for as long as it should and no longer."""

from collections.abc import Iterator, Sequence

from policy.resource import Resource, of_types

HOLD_DATA = {
    "aws:dynamodb/table:Table",
    "aws:ebs/volume:Volume",
    "aws:efs/fileSystem:FileSystem",
    "aws:kinesis/stream:Stream",
    "aws:kms/key:Key",
    "aws:opensearch/domain:Domain",
    "aws:rds/cluster:Cluster",
    "aws:rds/instance:Instance",
    "aws:s3/bucket:Bucket",
}


def protected_data(resource: Resource) -> Iterator[str]:
    """Check that what holds data is protected from `pulumi destroy` and from replacement."""
    if resource.type in HOLD_DATA and not resource.protected:
        yield (
            f"{resource.name} holds data and is not protected. Fix: set the resource option protect=settings.protect, "
            "and pulumi config set protect true; or, if nobody needs the data of the stack "
            f"{resource.stack}, add an exemption to policy/exemptions.py."
        )


def log_retention(resource: Resource) -> Iterator[str]:
    """Check that logs expire: a log group without a retention keeps its lines forever, and costs more each month."""
    if resource.type == "aws:cloudwatch/logGroup:LogGroup" and not resource.get("retentionInDays"):
        yield f"{resource.name} keeps its lines forever. Fix: set retention_in_days."
    if resource.type == "aws:lambda/function:Function" and not resource.get("loggingConfig", "logGroup"):
        yield (
            f"{resource.name} has no log group, so Lambda creates one that keeps its lines forever. Fix: create a "
            "LogGroup with retention_in_days, and name it in logging_config."
        )


def retention_above_record_age(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    """Check that a mapping discards a record before its stream does, so that it reaches the on-failure destination."""
    streams = {stream.urn: stream for stream in of_types(resources, {"aws:kinesis/stream:Stream"})}
    for mapping in of_types(resources, {"aws:lambda/eventSourceMapping:EventSourceMapping"}):
        for urn in mapping.sources.get("eventSourceArn", ()):
            if urn in streams:
                hours = streams[urn].get("retentionPeriod") or 24
                age = mapping.get("maximumRecordAgeInSeconds") or -1
                if not 0 < age < hours * 3600:
                    retries = (
                        f"retries a record for {age:.0f} s" if age > 0 else "retries a record without an end"
                    )
                    yield (
                        mapping,
                        f"{mapping.name} {retries}, but {streams[urn].name} keeps it for {hours:.0f} hours and drops "
                        "it then, silently. Fix: set maximum_record_age_in_seconds below that.",
                    )
