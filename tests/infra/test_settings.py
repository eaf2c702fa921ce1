import pulumi
import pytest

from stack.project import full_key
from tests.infra import recorder
from tests.infra.recorder import deploy, stack_config


def test_an_invalid_setting_fails_the_program_with_a_message_and_no_traceback() -> None:
    """The SDK shows a `RunError` by its message alone."""
    with pytest.raises(
        pulumi.RunError, match=r"(?s)functionMemory: .*pulumi config set functionMemory VALUE --stack dev"
    ):
        deploy("dev", functionMemory="lots")


def test_an_invalid_stack_name_fails_the_program_before_it_creates_a_resource() -> None:
    with pytest.raises(pulumi.RunError, match="the stack's name"):
        deploy("feature_x", file="dev")


def test_alarms_without_an_address_warn(monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(pulumi, "warn", warnings.append)
    deploy(alarmEmail="on-call@company.io")
    deploy(alarms=False)
    assert warnings == []
    deploy()
    assert ["pulumi config set alarmEmail ADDRESS" in warning for warning in warnings] == [True]


@pytest.mark.parametrize("stack", ["dev", "prod", "local"])
def test_a_throttled_table_exhausts_no_retries_before_the_record_age(stack: str) -> None:
    """The function retries throttled writes itself, so that each invocation lasts until its deadline."""
    deployed = deploy(stack)
    mapping, timeout = deployed.one("EventSourceMapping").inputs, deployed.one("Function").inputs["timeout"]
    assert mapping["maximumRetryAttempts"] * (timeout - 5) >= mapping["maximumRecordAgeInSeconds"]


def test_a_stack_file_overrides_the_defaults() -> None:
    assert stack_config("prod")[full_key("streamMode")] == "on-demand"
    assert stack_config("dev")[full_key("streamMode")] == "provisioned"


@pytest.mark.parametrize("named", [True, False])
def test_a_key_of_another_region_than_the_providers_fails_the_program(
    named: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stack's file names the region, or else the environment or a profile, which the provider knows of."""
    if not named:
        monkeypatch.setattr(recorder, "read_stack_file", lambda *_: {})
    key = recorder.KEY.replace(recorder.REGION, "eu-west-1")
    with pytest.raises(pulumi.RunError, match="a key of the stack's region, us-east-1"):
        deploy(kmsKeyArn=key)
    assert deploy(kmsKeyArn=recorder.KEY).outputs["region"] == recorder.REGION


def test_a_record_size_that_no_function_can_receive_warns(monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(pulumi, "warn", warnings.append)
    deploy("prod", alarmEmail="on-call@company.io", streamMaxRecordKiB=4600)
    assert warnings == []
    deploy("prod", alarmEmail="on-call@company.io", streamMaxRecordKiB=4601)
    assert ["pulumi config set streamMaxRecordKiB 4600" in warning for warning in warnings] == [True]


def test_a_filter_that_may_surprise_its_author_warns(monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(pulumi, "warn", warnings.append)
    deletions = '{"data": {"stream_processing_tombstone": [{"exists": true}]}}'
    deploy("dev", alarmEmail="on-call@company.io", mappingFilters=[deletions])
    assert warnings == []
    pattern = '{"data": {"author_id": [{"numeric": [">", 0]}]}}'
    deploy("dev", alarmEmail="on-call@company.io", mappingFilters=[pattern, deletions])
    assert ["data.author_id: a numeric rule skips" in warning for warning in warnings] == [True]
