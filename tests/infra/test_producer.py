import pytest

from tests.infra.recorder import KEY, Deployed, Secret, deploy


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
    assert dev.outputs["secret_access_key"] == Secret("secret of producer-key-odd")
    assert dev.component_outputs("producer")["secret_access_key"] == Secret("secret of producer-key-odd")


@pytest.mark.parametrize(("serial", "slot"), [(1, "odd"), (2, "even"), (3, "odd")])
def test_the_key_of_a_serial_is_in_the_slot_of_its_parity(serial: int, slot: str) -> None:
    (key,) = deploy(accessKeySerial=serial).of("AccessKey")
    assert (key.name, key.replacement_trigger) == (f"producer-key-{slot}", serial)


def test_the_previous_key_can_stay_until_the_producers_use_the_new_one() -> None:
    rotating = deploy(accessKeySerial=2, accessKeyKeepPrevious=True)
    slots = {key.name: key.replacement_trigger for key in rotating.of("AccessKey")}
    assert slots == {"producer-key-odd": 1, "producer-key-even": 2}
    assert rotating.outputs["access_key"] == "producer-key-even-id"
    assert rotating.outputs["secret_access_key"] == Secret("secret of producer-key-even")


def test_a_third_key_never_exists() -> None:
    """A slot that is taken is emptied first: IAM allows a user two keys."""
    rotating = deploy(accessKeySerial=3, accessKeyKeepPrevious=True)
    assert {key.name: key.replacement_trigger for key in rotating.of("AccessKey")} == {
        "producer-key-even": 2,
        "producer-key-odd": 3,
    }
    assert all(key.delete_before_replace for key in rotating.of("AccessKey"))


def test_a_producer_with_a_role_of_its_own_gets_a_policy_and_no_key() -> None:
    stack = deploy(producerIdentity="policy")
    assert stack.policy("producer-managed-policy") == deploy().policy("producer-policy")
    assert stack.of("User") == stack.of("AccessKey") == stack.of("UserPolicy") == []
    assert stack.outputs["producer_policy_arn"] == stack.arn("producer-managed-policy")
    assert not {"access_key", "secret_access_key"} & stack.outputs.keys()


def test_a_stack_without_an_identity_for_producers_has_neither_user_nor_policy() -> None:
    stack = deploy(producerIdentity="none")
    assert {each.type for each in stack.resources if each.type.startswith("aws:iam/")} == {
        "aws:iam/role:Role",
        "aws:iam/rolePolicy:RolePolicy",
    }
    assert "producer" not in {each.name for each in stack.resources}
    assert not {"access_key", "secret_access_key", "producer_policy_arn"} & stack.outputs.keys()
