import pytest

from tests.infra.recorder import Deployed, Secret, deploy

KEY = "arn:aws:kms:us-east-1:123456789012:key/0f7c2d2e-0000-4000-8000-000000000000"


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_the_user_may_put_records_on_its_own_stream_and_nothing_else(
    stack: str, request: pytest.FixtureRequest
) -> None:
    deployed: Deployed = request.getfixturevalue(stack)
    assert deployed.policy("producer-policy") == {
        "PutRecords": (
            "Allow",
            {"kinesis:PutRecord", "kinesis:PutRecords"},
            {f"arn:aws:kinesis:us-east-1:123456789012:{stack}-EventStream"},
        )
    }


def test_the_user_has_one_policy_and_no_other_way_in(dev: Deployed) -> None:
    assert dev.one("User").inputs["name"] == "dev-EventProducer"
    assert dev.one("UserPolicy").inputs["user"] == "dev-EventProducer"
    kinds = {resource.type for resource in dev.resources if resource.type.startswith("aws:iam/")}
    assert kinds == {
        "aws:iam/user:User",
        "aws:iam/userPolicy:UserPolicy",
        "aws:iam/accessKey:AccessKey",
        "aws:iam/role:Role",
        "aws:iam/rolePolicy:RolePolicy",
    }


def test_a_customer_key_needs_one_more_action_on_that_key() -> None:
    assert deploy(kmsKeyArn=KEY).policy("producer-policy")["EncryptRecords"] == (
        "Allow",
        {"kms:GenerateDataKey"},
        {KEY},
    )


def test_the_secret_is_a_secret_in_the_output_and_in_the_component(dev: Deployed) -> None:
    assert dev.outputs["secret_access_key"] == Secret("secret of producer-key-1")
    assert dev.component_outputs("producer")["secret_access_key"] == Secret("secret of producer-key-1")


def test_raising_the_serial_makes_another_key() -> None:
    """Another resource, not a replacement: the engine creates it first and deletes the old one last."""
    rotated = deploy(accessKeySerial=2)
    assert [key.name for key in rotated.of("AccessKey")] == ["producer-key-2"]
    assert rotated.outputs["access_key"] == "producer-key-2-id"


def test_the_previous_key_can_stay_while_producers_change_over() -> None:
    rotating = deploy(accessKeySerial=2, accessKeyKeepPrevious=True)
    assert {key.name for key in rotating.of("AccessKey")} == {"producer-key-1", "producer-key-2"}
    assert rotating.outputs["access_key"] == "producer-key-2-id"
    assert rotating.outputs["secret_access_key"] == Secret("secret of producer-key-2")
