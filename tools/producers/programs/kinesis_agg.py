"""Puts the lines of standard input, each a partition key, a tab and an event, aggregated by aws-kinesis-agg (PyPI).

Argument: the stream. AWS's endpoint, region and credentials are in the environment.
"""

import sys

import boto3
from aws_kinesis_agg.aggregator import AggRecord, RecordAggregator


def main(stream: str) -> None:
    """Put each aggregated record once it is full."""
    kinesis = boto3.client("kinesis")

    def put(record: AggRecord) -> None:
        partition_key, _, data = record.get_contents()
        kinesis.put_record(StreamName=stream, PartitionKey=partition_key, Data=data)

    aggregator = RecordAggregator()
    aggregator.on_record_complete(put, execute_on_new_thread=False)
    for line in sys.stdin.buffer:
        key, event = line.rstrip(b"\n").split(b"\t", 1)
        aggregator.add_user_record(key.decode(), event)
    if last := aggregator.clear_and_get():
        put(last)


main(sys.argv[1])
