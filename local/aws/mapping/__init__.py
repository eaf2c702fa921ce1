"""The event source mapping between a Kinesis stream and a function, with the semantics that AWS documents.

``decisions`` says what happens to a batch and does nothing; ``shard`` reads one shard and invokes the
function; ``poller`` follows the mappings and shards that exist; ``destination`` keeps what is given up.
"""
