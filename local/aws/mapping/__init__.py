"""The event source mapping between a Kinesis stream and a function, with the semantics that AWS documents.

``contract`` has the event and the response; ``decisions`` decides what happens to a batch; ``shard`` reads one
shard and invokes the function; ``poller`` follows the mappings and shards that exist; ``destination`` stores
discarded batches.
"""
