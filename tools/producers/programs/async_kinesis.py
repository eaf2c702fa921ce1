"""Puts the lines of standard input, each a partition key, a tab and an event, with async-kinesis.

Arguments: the stream, and the processor, which decides what a record is. AWS's endpoint, region and credentials are
in the environment. Only the default processor has the events' own keys: the KPL's takes none, and with JSON lines each
change of the key would end a record.
"""

import asyncio
import json
import sys

from kinesis import Producer, processors

_WITH_KEYS = "JsonProcessor"


async def main(stream: str, processor: str) -> None:
    """Put every event, and wait until all are sent."""
    async with Producer(stream_name=stream, processor=getattr(processors, processor)()) as producer:
        for line in sys.stdin.buffer:
            key, event = line.split(b"\t", 1)
            await producer.put(
                json.loads(event), partition_key=key.decode() if processor == _WITH_KEYS else None
            )


asyncio.run(main(*sys.argv[1:]))
