#!/usr/bin/env bash
# aiokpl 0.2.0 puts records of different shards into one aggregated record while its shard map is not ready.
#
# README: aggregated records are "per predicted shard, falling back to single-record mode when the ShardMap isn't
# ready", that is before the first ListShards succeeds and during each refresh after a reshard. The reducer for records
# without a predicted shard has the same limits as the others, so that they are aggregated, and all go where the first
# one's hash key leads: a record comes to a shard that does not have its key, out of order with others of that key.
#
# Output seen (hash key of the aggregated record: hash keys of its records, in hexadecimal):
#   ready: 0: 0 1
#   ready: ffffffffffffffffffffffffffffffff: ffffffffffffffffffffffffffffffff
#   invalid: 0: 0 1 ffffffffffffffffffffffffffffffff
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check aiokpl==0.2.0 anyio==4.16.0 aiobotocore==3.10.0

seen=$("$folder/venv/bin/python" - <<'PYTHON'
import anyio
from aiokpl import Aggregator, ShardMap, UserRecord


async def list_shards(**_):
    middle, end = 2**127, 2**128
    ranges = ((0, middle - 1), (middle, end - 1))
    return {
        "Shards": [
            {
                "ShardId": f"shardId-{i:012}",
                "HashKeyRange": {"StartingHashKey": str(first), "EndingHashKey": str(last)},
            }
            for i, (first, last) in enumerate(ranges)
        ]
    }


async def main():
    for ready in (True, False):
        async with ShardMap("stream", list_shards) as shard_map:
            if ready:
                await shard_map.start()

            async def show(batch):
                key = batch.routing_explicit_hash_key()
                keys = " ".join(f"{item.hash_key:x}" for item in batch.items)
                print(f"{shard_map.state.value}: {int(key):x}: {keys}")

            async with Aggregator(shard_map, on_batch_ready=show) as aggregator:
                for hash_key in (0, 1, 2**128 - 1):
                    await aggregator.put(UserRecord("key", b"data", explicit_hash_key=str(hash_key)))
                await aggregator.flush()


anyio.run(main)
PYTHON
)
echo "$seen"
[ "$seen" = "ready: 0: 0 1
ready: ffffffffffffffffffffffffffffffff: ffffffffffffffffffffffffffffffff
invalid: 0: 0 1 ffffffffffffffffffffffffffffffff" ]
