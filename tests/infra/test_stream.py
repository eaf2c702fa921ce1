from infra.stream import SHARD_METRICS
from tests.infra.recorder import DEV_TAGS, KEY, Deployed, deploy


def test_dev_has_one_provisioned_shard_for_a_day(dev: Deployed) -> None:
    assert dev.one("Stream").inputs == {
        "name": "dev-EventStream",
        "streamModeDetails": {"streamMode": "PROVISIONED"},
        "shardCount": 1,
        "retentionPeriod": 24,
        "maxRecordSizeInKib": 1024,
        "shardLevelMetrics": [],
        "encryptionType": "KMS",
        "kmsKeyId": "alias/aws/kinesis",
        "tags": DEV_TAGS,
    }


def test_the_stream_of_prod_is_on_demand_and_retains_a_week(prod: Deployed) -> None:
    stream = prod.one("Stream").inputs
    assert stream["streamModeDetails"] == {"streamMode": "ON_DEMAND"}
    assert "shardCount" not in stream
    assert stream["retentionPeriod"] == 168


def test_shards_and_shard_metrics_come_from_the_configuration() -> None:
    stream = deploy(streamShards=4, streamShardMetrics=True).one("Stream").inputs
    assert stream["shardCount"] == 4
    assert stream["shardLevelMetrics"] == list(SHARD_METRICS)


def test_an_on_demand_stream_may_be_warmed(prod: Deployed) -> None:
    assert "warmThroughputMibPs" not in prod.one("Stream").inputs
    assert deploy("prod", streamWarmMiBps=30).one("Stream").inputs["warmThroughputMibPs"] == 30


def test_the_limit_of_a_record_is_known_to_the_stream_the_producer_and_the_operator() -> None:
    stack = deploy(streamMaxRecordKiB=4096)
    assert stack.one("Stream").inputs["maxRecordSizeInKib"] == 4096
    assert stack.outputs["max_record_kib"] == "4096"


def test_a_customer_key_encrypts_the_stream() -> None:
    assert deploy(kmsKeyArn=KEY).one("Stream").inputs["kmsKeyId"] == KEY


def test_only_prod_is_protected_from_pulumi_destroy(dev: Deployed, prod: Deployed) -> None:
    assert not dev.one("Stream").protect
    assert prod.one("Stream").protect
