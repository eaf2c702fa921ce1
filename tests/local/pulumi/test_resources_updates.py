"""Resources against a real local AWS: changed in place, repaired after a change by hand, never left half-created."""

import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pulumi
import pytest
from botocore.exceptions import ClientError

from local.aws.local_aws import LocalAws
from local.pulumi.provider.archive import zipped
from tests.local.account import Account, allow
from tests.local.conftest import READ_STREAM, unique


@pytest.fixture
def account(aws: LocalAws) -> Iterator[Account]:
    with Account(aws) as account:
        yield account


class TestStream:
    def test_changes_in_place(self, account: Account) -> None:
        stream = account.stream(tags={"old": "1"})
        assert stream.change(
            shardCount=2.0, maxRecordSizeInKib=2048.0, retentionPeriod=48.0, tags={"new": "2"}
        ) == {
            "shardCount",
            "maxRecordSizeInKib",
            "retentionPeriod",
            "tags",
        }
        found = account.aws.kinesis.describe_stream_summary(StreamName=stream["name"])
        assert found["StreamDescriptionSummary"]["OpenShardCount"] == 2
        assert found["StreamDescriptionSummary"]["RetentionPeriodHours"] == 48
        assert found["StreamDescriptionSummary"]["MaxRecordSizeInKiB"] == 2048
        assert stream["tags"] == {"new": "2"}

    def test_is_encrypted_and_no_more(self, account: Account) -> None:
        stream = account.stream()
        stream.change(encryptionType="KMS", kmsKeyId="alias/aws/kinesis")
        assert stream["encryptionType"] == "KMS"
        stream.change(encryptionType="NONE", kmsKeyId=None)
        assert stream["encryptionType"] == "NONE"

    def test_is_warmed_and_no_more(self, account: Account) -> None:
        stream = account.create("aws:kinesis/stream:Stream", streamModeDetails={"streamMode": "ON_DEMAND"})
        for throughput in (30.0, 40.0, None):
            assert stream.change(warmThroughputMibPs=throughput) == {"warmThroughputMibPs"}


class TestTable:
    def test_ceiling_is_set_changed_and_removed_by_minus_one(self, account: Account) -> None:
        table = account.table()

        def ceiling() -> object:
            found = account.aws.dynamodb.describe_table(TableName=table.id)["Table"]
            return found.get("OnDemandThroughput")

        for units in (500.0, 600.0):
            assert table.change(onDemandThroughput={"maxWriteRequestUnits": units}) == {"onDemandThroughput"}
            assert ceiling() == {"MaxWriteRequestUnits": units}
        with pytest.raises(ClientError, match="At least one of"):
            table.change(onDemandThroughput=None)
        account.aws.dynamodb.update_table(TableName=table.id, OnDemandThroughput={"MaxWriteRequestUnits": -1})
        assert ceiling() is None

    def test_ceiling_goes_with_the_billing_mode(self, account: Account) -> None:
        table = account.table(onDemandThroughput={"maxWriteRequestUnits": 500.0})
        capacity = {"readCapacity": 5.0, "writeCapacity": 5.0}
        table.change(billingMode="PROVISIONED", onDemandThroughput=None, **capacity)
        found = account.aws.dynamodb.describe_table(TableName=table.id)["Table"]
        assert "OnDemandThroughput" not in found

    def test_warm_throughput_is_raised_and_never_lowered(self, account: Account) -> None:
        table = account.table(warmThroughput={"writeUnitsPerSecond": 8000.0})
        table.change(warmThroughput={"writeUnitsPerSecond": 9000.0})
        with pytest.raises(ClientError, match="decreasing WarmThroughput is not supported"):
            table.change(warmThroughput={"writeUnitsPerSecond": 8000.0})

    def test_changes_in_place_and_keeps_its_rows(self, account: Account) -> None:
        table = account.table()
        row = {"Username": {"S": "a"}, "Id": {"S": "1"}}
        account.aws.dynamodb.put_item(TableName=table.id, Item=row)
        table.change(
            ttl={"enabled": True, "attributeName": "ExpiresAt"},
            pointInTimeRecovery={"enabled": True},
            tags={"a": "b"},
        )
        found = account.aws.dynamodb.describe_time_to_live(TableName=table.id)["TimeToLiveDescription"]
        assert found == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ExpiresAt"}
        assert account.aws.dynamodb.scan(TableName=table.id)["Items"] == [row]

    def test_stops_expiring_items(self, account: Account) -> None:
        table = account.table(ttl={"enabled": True, "attributeName": "ExpiresAt"})
        assert table.change(ttl={"enabled": False}) == {"ttl"}
        assert not table["ttl"]["enabled"]

    def test_is_not_deleted_while_it_is_protected(self, account: Account) -> None:
        table = account.table(deletionProtectionEnabled=True)
        with pytest.raises(ClientError, match="protected"):
            table.kind.delete(table.id, table.state)
        table.change(deletionProtectionEnabled=False)


class TestBucket:
    def test_that_holds_objects_is_removed_only_by_force(self, account: Account) -> None:
        bucket = account.bucket()
        account.aws.s3.put_object(Bucket=bucket.id, Key="evidence")
        with pytest.raises(ClientError, match="BucketNotEmpty"):
            bucket.kind.delete(bucket.id, bucket.state)
        bucket.state["forceDestroy"] = True
        bucket.kind.delete(bucket.id, bucket.state)
        assert bucket.refresh() is None

    def test_loses_its_last_tag(self, account: Account) -> None:
        bucket = account.bucket(tags={"a": "b"})
        assert bucket.change(tags=None) == {"tags"}
        assert bucket["tags"] == {}


class TestUnfinished:
    """A resource that fails half-way is deleted, or its name would be taken in the next deployment."""

    def test_bucket_without_its_tags_is_taken_away(self, account: Account, aws: LocalAws) -> None:
        name = unique("unfinished")
        aws.faults.set("s3:PutBucketTagging", error=1)
        with pytest.raises(ClientError):
            account.bucket(bucket=name, tags={"a": "b"})
        aws.faults.clear()
        assert name not in [one["Name"] for one in account.aws.s3.list_buckets()["Buckets"]]

    def test_stream_that_never_gets_ready_is_taken_away(self, account: Account, aws: LocalAws) -> None:
        name = unique("unfinished")
        aws.faults.set("kinesis:DescribeStreamSummary", error=1, times=3)
        with pytest.raises(ClientError):
            account.stream(name=name)
        aws.faults.clear()
        assert name not in account.aws.kinesis.list_streams()["StreamNames"]

    def test_update_goes_on_where_it_failed(self, account: Account, aws: LocalAws) -> None:
        stream = account.stream()
        aws.faults.set("kinesis:AddTagsToStream", error=1)
        with pytest.raises(ClientError):
            stream.change(shardCount=2.0, tags={"a": "b"})
        aws.faults.clear()
        assert stream.change() == {"shardCount", "tags"}, "by the state that the engine still has"
        assert (stream["shardCount"], stream["tags"]) == (2, {"a": "b"})


class TestFunction:
    def test_code_is_the_same_archive_for_the_same_files(self, account: Account, tmp_path: Path) -> None:
        (tmp_path / "app.py").write_text("old")
        archive = pulumi.AssetArchive({"handler": pulumi.FileArchive(str(tmp_path))})
        function = account.function(code=archive)
        first = zipped(function.inputs["code"])
        assert ZipFile(BytesIO(first)).namelist() == ["handler/app.py"]
        (tmp_path / "app.py").touch()
        assert zipped(function.inputs["code"]) == first
        assert function.change(code=archive) == set()
        (tmp_path / "app.py").write_text("new")
        assert function.change(code=archive) == {"sourceCodeHash"}

    def test_changes_in_place(self, account: Account) -> None:
        function = account.function()
        code = pulumi.AssetArchive({"app.py": pulumi.StringAsset("def handle(event, context): return 1")})
        function.change(
            code=code,
            memorySize=512.0,
            timeout=60.0,
            environment={"variables": {"A": "1"}},
            tags={"a": "b"},
        )
        found = account.aws.lambda_.get_function_configuration(FunctionName=function.id)
        assert (found["MemorySize"], found["Timeout"], found["Environment"]["Variables"]) == (
            512,
            60,
            {"A": "1"},
        )
        answer = account.aws.lambda_.invoke(FunctionName=function.id)
        assert answer["Payload"].read() == b"1"

    def test_publishes_a_version_of_each_change_of_code_or_settings(self, account: Account) -> None:
        function = account.function(publish=True)
        assert function["version"] == "1"
        function.change(memorySize=512.0)
        assert function["version"] == "2"
        function.change(tags={"a": "b"})
        assert function["version"] == "2"
        code = pulumi.AssetArchive({"app.py": pulumi.StringAsset("def handle(event, context): return 1")})
        function.change(code=code)
        assert function["version"] == "3"
        assert function["qualifiedArn"] == f"{function['arn']}:3"
        old = account.aws.lambda_.get_function_configuration(FunctionName=function.id, Qualifier="1")
        assert old["MemorySize"] == 128

    def test_previews_a_version_that_is_not_published_yet_as_unknown(self, account: Account) -> None:
        function = account.function(publish=True)
        for changed, known in (({"memorySize": 512}, False), ({"tags": {"a": "b"}}, True)):
            planned = function.kind.preview({**function.inputs, **changed}, function.state)
            assert ("version" in planned, "qualifiedArn" in planned) == (known, known)

    def test_changed_by_hand_shows_and_is_repaired(self, account: Account) -> None:
        function = account.function()
        account.aws.lambda_.update_function_configuration(FunctionName=function.id, MemorySize=1024)
        drifted = function.refresh()
        assert drifted is not None
        function.state = drifted
        assert function.changes() == {"memorySize"}
        function.change()
        assert function["memorySize"] == 128


class TestAlias:
    def test_moves_in_place_to_a_version_that_exists(self, account: Account) -> None:
        function = account.function(publish=True)
        function.change(memorySize=512.0)
        alias = account.create(
            "aws:lambda/alias:Alias", name="live", functionName=function["name"], functionVersion="2"
        )
        assert alias.change(functionVersion="1") == {"functionVersion"}
        found = account.aws.lambda_.get_alias(FunctionName=function.id, Name="live")
        assert found["FunctionVersion"] == "1"
        with pytest.raises(ClientError, match=f"Function not found: {function['arn']}:9"):
            alias.change(functionVersion="9")


class TestMapping:
    def test_is_rejected_until_the_role_may_read_the_stream(self, account: Account) -> None:
        stream, function = account.stream(), account.function()
        wanted = {
            "functionName": function["arn"],
            "eventSourceArn": stream["arn"],
            "startingPosition": "LATEST",
        }
        with pytest.raises(ClientError, match="Cannot access stream"):
            account.create("aws:lambda/eventSourceMapping:EventSourceMapping", **wanted)
        role = function["role"].rpartition("/")[2]
        policy = allow(READ_STREAM, stream["arn"])
        account.create("aws:iam/rolePolicy:RolePolicy", role=role, policy=policy)
        mapping = account.create("aws:lambda/eventSourceMapping:EventSourceMapping", **wanted)
        assert mapping["state"] == "Enabled"

    def test_changes_in_place_and_keeps_its_identity(self, account: Account) -> None:
        mapping = account.mapping()
        uuid = mapping["uuid"]
        assert mapping.change(batchSize=10.0, enabled=False) == {"batchSize", "enabled"}
        found = account.aws.lambda_.get_event_source_mapping(UUID=uuid)
        assert (found["BatchSize"], found["State"]) == (10, "Disabled")

    def test_gets_filters_and_loses_them_again(self, account: Account) -> None:
        mapping = account.mapping()
        uuid, pattern = mapping["uuid"], '{"data": {"lang": ["en"]}}'
        assert mapping.change(filterCriteria={"filters": [{"pattern": pattern}]}) == {"filterCriteria"}
        assert mapping.change() == set()
        found = account.aws.lambda_.get_event_source_mapping(UUID=uuid)
        assert found["FilterCriteria"] == {"Filters": [{"Pattern": pattern}]}
        assert mapping.change(filterCriteria=None) == {"filterCriteria"}
        found = account.aws.lambda_.get_event_source_mapping(UUID=uuid)
        assert found["FilterCriteria"] == {"Filters": []}


class TestPolicies:
    def test_widened_by_hand_shows_and_is_repaired(self, account: Account) -> None:
        role = account.role()
        narrow = allow(["s3:GetObject"], "*")
        policy = account.create("aws:iam/rolePolicy:RolePolicy", role=role.id, policy=narrow, name="p")
        wide = allow(["s3:*"], "*")
        account.aws.iam.put_role_policy(RoleName=role.id, PolicyName="p", PolicyDocument=wide)
        drifted = policy.refresh()
        assert drifted is not None
        policy.state = drifted
        assert policy.change() == {"policy"}
        found = account.aws.iam.get_role_policy(RoleName=role.id, PolicyName="p")
        assert found["PolicyDocument"] == json.loads(narrow)


class TestPermissionsBoundary:
    @pytest.mark.parametrize("kind", ["role", "user"])
    def test_is_set_changed_and_removed(self, account: Account, kind: str) -> None:
        one, two = account.policy(), account.policy()
        made = getattr(account, kind)()
        for boundary in (one.id, two.id, None):
            assert made.change(permissionsBoundary=boundary) == {"permissionsBoundary"}
            assert made.state.get("permissionsBoundary") == boundary


class TestKey:
    def test_changes_in_place(self, account: Account) -> None:
        key = account.create("aws:kms/key:Key", description="one", tags={"kept": "1", "gone": "2"})
        assert key.change(description="two", enableKeyRotation=True, tags={"kept": "3"}) == {
            "description",
            "enableKeyRotation",
            "tags",
        }
        assert key.change(enableKeyRotation=False) == {"enableKeyRotation"}

    def test_alias_moves_to_another(self, account: Account) -> None:
        one, two = account.create("aws:kms/key:Key"), account.create("aws:kms/key:Key")
        alias = account.create("aws:kms/alias:Alias", name=f"alias/{unique('key')}", targetKeyId=one.id)
        assert alias.change(targetKeyId=two.id) == {"targetKeyId"}


class TestAccessKey:
    def test_works_until_it_is_deleted(self, account: Account, aws: LocalAws) -> None:
        key = account.create("aws:iam/accessKey:AccessKey", user=account.user().id)
        sts = aws.client("sts", access_key=key.id, secret_key=key["secret"])
        assert sts.get_caller_identity()["Arn"].endswith(f":user/{key['user']}")
        key.kind.delete(key.id, key.state)
        with pytest.raises(ClientError):
            sts.get_caller_identity()

    def test_secret_outlives_a_refresh(self, account: Account) -> None:
        key = account.create("aws:iam/accessKey:AccessKey", user=account.user().id)
        refreshed = key.refresh()
        assert refreshed is not None
        assert refreshed["secret"] == key["secret"]


class TestAlarm:
    def test_warm_up_is_set_changed_and_taken_away(self, account: Account) -> None:
        alarm = account.alarm()
        for minutes in (30.0, 15.0, None):
            wanted = {"warmUpPeriodDurationInMinutes": minutes} if minutes else None
            assert alarm.change(warmUpConfiguration=wanted) == {"warmUpConfiguration"}


class TestTags:
    @pytest.mark.parametrize("kind", ["table", "bucket", "log_group", "role", "user", "topic", "alarm"])
    def test_are_added_changed_and_taken_away(self, account: Account, kind: str) -> None:
        made = getattr(account, kind)(tags={"kept": "1", "changed": "2", "gone": "3"})
        wanted = {"kept": "1", "changed": "4", "added": "5"}
        assert made.change(tags=wanted) == {"tags"}
        assert made["tags"] == wanted
