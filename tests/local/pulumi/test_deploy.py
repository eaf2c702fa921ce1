"""Programs run without an engine: the real one, and small ones for each rule."""

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local.aws.local_aws import LocalAws
from local.errors import DeploymentError, ProviderConfigError
from local.pulumi.deploy import Deployment, Event, deploy
from local.session import read_config
from stack.project import PROJECT, full_key
from tests.local.conftest import unique

TOPIC = "aws:sns/topic:Topic"
Program = Callable[..., Deployment]


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def program(aws: LocalAws, tmp_path: Path, events: list[Event]) -> Program:
    """Deploys a program of a few lines; `name` in it is unique."""
    (tmp_path / "Pulumi.yaml").write_text(
        "name: small\n"
        "config: {colour: {type: string, default: blue}, limits: {type: object, default: {a: 1}}}\n"
    )

    def run(lines: str, **config: Any) -> Deployment:
        imports = "import pulumi\nimport pulumi_aws as aws\n"
        name = f"name = {unique('small')!r}\n"
        (tmp_path / "__main__.py").write_text(imports + name + textwrap.dedent(lines))
        values = {"aws:region": "us-east-1", **{f"small:{key}": value for key, value in config.items()}}
        return deploy("dev", tmp_path, values, aws.endpoint, on_event=events.append)

    return run


def topics(aws: LocalAws) -> set[str]:
    return {one["TopicArn"].rpartition(":")[2] for one in aws.client("sns").list_topics()["Topics"]}


class TestTheRealProgram:
    def test_is_deployed_and_leaves_nothing(self, aws: LocalAws) -> None:
        stack = unique("dev")
        deployment = deploy(stack, PROJECT, read_config(), aws.endpoint)
        try:
            outputs = deployment.outputs
            assert outputs["stream_name"] == f"{stack}-EventStream"
            assert deployment.secret_outputs == {"secret_access_key"}
            producer = {"access_key": outputs["access_key"], "secret_key": outputs["secret_access_key"]}
            kinesis = aws.client("kinesis", **producer)
            kinesis.put_record(StreamName=outputs["stream_name"], Data=b"{}", PartitionKey="a")
            assert [
                made.name
                for made in deployment.resources
                if made.kind.read(made.id, made.state) != made.state
            ] == []
            made = list(deployment.resources)
        finally:
            deployment.destroy()
        assert [one.name for one in made if one.kind.read(one.id, one.state)] == []
        assert deployment.resources == []


class TestConfiguration:
    def test_has_the_defaults_of_the_project(self, program: Program) -> None:
        deployment = program(
            """
            config = pulumi.Config()
            pulumi.export("colour", config.require("colour"))
            pulumi.export("limits", config.require_object("limits"))
            """
        )
        assert deployment.outputs == {"colour": "blue", "limits": {"a": 1}}

    def test_of_the_stack_wins(self, program: Program) -> None:
        deployment = program(
            """
            config = pulumi.Config()
            pulumi.export("colour", config.require("colour"))
            pulumi.export("on", config.require_bool("on"))
            """,
            colour="red",
            on=True,
        )
        assert deployment.outputs == {"colour": "red", "on": True}

    def test_that_is_encrypted_is_rejected(self, program: Program) -> None:
        with pytest.raises(ProviderConfigError, match="small:colour is encrypted"):
            program("", colour={"secure": "v1:abc"})

    def test_that_is_encrypted_does_not_matter_if_it_is_a_credential(
        self, program: Program, aws: LocalAws, tmp_path: Path
    ) -> None:
        program("")
        secret = "{secure: 'v1:abc:def'}"
        file = tmp_path / "Pulumi.dev.yaml"
        file.write_text(
            f"config: {{'aws:region': us-east-1, 'aws:accessKey': {secret}, 'aws:secretKey': {secret}}}"
        )
        assert deploy("dev", tmp_path, file, aws.endpoint).outputs == {}

    def test_in_a_file_that_the_engine_would_reject_is_rejected(self, aws: LocalAws, tmp_path: Path) -> None:
        file = tmp_path / "Pulumi.dev.yaml"
        file.write_text("config: {'aws:region': us-east-1, 'protect': yes}")
        with pytest.raises(
            ProviderConfigError, match=r'(?s)protect: "yes" .*config set protect VALUE --stack dev'
        ):
            deploy("dev", PROJECT, file, aws.endpoint)

    def test_that_the_program_rejects_ends_with_its_message(self, aws: LocalAws) -> None:
        config = {"aws:region": "us-east-1", full_key("mappingBatchSize"): 0}
        with pytest.raises(DeploymentError, match=r"^mappingBatchSize: "):
            deploy("dev", PROJECT, config, aws.endpoint)

    def test_of_the_provider_that_is_not_implemented_is_rejected(self, aws: LocalAws) -> None:
        config = {"aws:region": "us-east-1", "aws:defaultTags": {"tags": {"a": "b"}}}
        with pytest.raises(ProviderConfigError, match="aws:defaultTags is not implemented"):
            deploy("dev", PROJECT, config, aws.endpoint)

    def test_must_have_a_region(self, aws: LocalAws) -> None:
        with pytest.raises(ProviderConfigError, match="pulumi config set aws:region"):
            deploy("dev", PROJECT, {}, aws.endpoint)


class TestTransforms:
    def test_of_the_stack_change_what_is_created(self, program: Program, aws: LocalAws) -> None:
        deployment = program(
            """
            def tag(args):
                if args.type_ == "aws:sns/topic:Topic":
                    args.props["tags"] = {**args.props.get("tags", {}), "Team": "data"}
                    return pulumi.ResourceTransformResult(args.props, args.opts)

            pulumi.runtime.register_resource_transform(tag)
            pulumi.export("arn", aws.sns.Topic("topic", name=name, tags={"Own": "kept"}).arn)
            """
        )
        tags = aws.client("sns").list_tags_for_resource(ResourceArn=deployment.outputs["arn"])["Tags"]
        assert {tag["Key"]: tag["Value"] for tag in tags} == {"Own": "kept", "Team": "data"}
        deployment.destroy()

    def test_of_a_resource_its_parents_and_the_stack_run_in_this_order(self, program: Program) -> None:
        deployment = program(
            """
            def adding(letter):
                def transform(args):
                    if args.custom:
                        args.props["tags"]["Order"] += letter
                        return pulumi.ResourceTransformResult(args.props, args.opts)
                return transform

            def options(letter, **more):
                return pulumi.ResourceOptions(transforms=[adding(letter)], **more)

            pulumi.runtime.register_resource_transform(adding("d"))
            outer = pulumi.ComponentResource("small:index:Outer", "outer", opts=options("c"))
            inner = pulumi.ComponentResource("small:index:Inner", "inner", opts=options("b", parent=outer))
            topic = aws.sns.Topic("topic", name=name, tags={"Order": ""}, opts=options("a", parent=inner))
            pulumi.export("tags", topic.tags)
            """
        )
        assert deployment.outputs["tags"] == {"Order": "abcd"}
        deployment.destroy()

    def test_change_options_and_keep_secrets(self, program: Program) -> None:
        deployment = program(
            """
            def protect(args):
                args.opts.protect = True
                return pulumi.ResourceTransformResult(args.props, args.opts)

            pulumi.runtime.register_resource_transform(protect)
            topic = aws.sns.Topic("topic", name=name, tags={"a": pulumi.Output.secret("hidden")})
            pulumi.export("hidden", topic.tags.apply(lambda tags: tags["a"]))
            """
        )
        assert [resource.protect for resource in deployment.resources] == [True]
        assert deployment.outputs["hidden"] == "hidden"
        assert deployment.secret_outputs == {"hidden"}

    def test_of_the_older_kind_run_in_the_sdk(self, program: Program) -> None:
        deployment = program(
            """
            def tag(args):
                return pulumi.ResourceTransformationResult({**args.props, "tags": {"Team": "data"}}, args.opts)

            pulumi.runtime.register_stack_transformation(tag)
            pulumi.export("tags", aws.sns.Topic("topic", name=name).tags)
            """
        )
        assert deployment.outputs["tags"] == {"Team": "data"}
        deployment.destroy()

    def test_that_fail_name_the_resource_and_leave_nothing(self, program: Program, aws: LocalAws) -> None:
        before = topics(aws)
        with pytest.raises(DeploymentError, match=r"(?s)'second': a transform .* failed: .*no such tag"):
            program(
                """
                def fail(args):
                    if args.name == "second":
                        raise KeyError("no such tag")

                pulumi.runtime.register_resource_transform(fail)
                first = aws.sns.Topic("first", name=name)
                aws.sns.Topic("second", name=first.name)
                """
            )
        assert topics(aws) == before

    @pytest.mark.parametrize(
        ("lines", "message"),
        [
            (
                """
                hook = pulumi.ResourceHook("notify", lambda args: None)
                hooks = pulumi.ResourceHookBinding(after_create=[hook])
                aws.sns.Topic("topic", name=name, opts=pulumi.ResourceOptions(hooks=hooks))
                """,
                "the resource hook 'notify' runs under the Pulumi engine only",
            ),
            (
                """
                hook = pulumi.ErrorHook("again", lambda args: True)
                hooks = pulumi.ResourceHookBinding(on_error=[hook])
                aws.sns.Topic("topic", name=name, opts=pulumi.ResourceOptions(hooks=hooks))
                """,
                "the error hook 'again' runs under the Pulumi engine only",
            ),
            (
                "pulumi.runtime.register_invoke_transform(lambda args: None)",
                "a transform of invokes runs under the Pulumi engine only",
            ),
        ],
    )
    def test_and_hooks_that_only_the_engine_runs_are_rejected_by_name(
        self, program: Program, aws: LocalAws, lines: str, message: str
    ) -> None:
        before = topics(aws)
        with pytest.raises(DeploymentError, match=message):
            program(lines)
        assert topics(aws) == before


class TestOutputs:
    def test_are_what_aws_made_of_it(self, program: Program) -> None:
        deployment = program('pulumi.export("arn", aws.sns.Topic("topic", name=name).arn)')
        assert deployment.outputs["arn"].startswith("arn:aws:sns:us-east-1:000000000000:small-")
        deployment.destroy()

    def test_that_come_from_a_secret_are_secrets(self, program: Program) -> None:
        deployment = program(
            """
            topic = aws.sns.Topic("topic", name=name, tags={"a": pulumi.Output.secret("hidden")})
            pulumi.export("shown", topic.name)
            pulumi.export("hidden", topic.tags.apply(lambda tags: tags["a"]))
            """
        )
        assert deployment.secret_outputs == {"hidden"}
        assert deployment.outputs["hidden"] == "hidden"
        deployment.destroy()

    def test_of_the_providers_functions(self, program: Program) -> None:
        deployment = program(
            """
            pulumi.export("account", aws.get_caller_identity_output().account_id)
            pulumi.export("region", aws.get_region_output().region)
            pulumi.export("partition", aws.get_partition_output().partition)
            """
        )
        assert deployment.outputs == {"account": "000000000000", "region": "us-east-1", "partition": "aws"}


class TestFailures:
    def test_name_type_resource_and_cause_and_take_back_what_was_made(
        self, program: Program, aws: LocalAws, events: list[Event]
    ) -> None:
        before = topics(aws)
        with pytest.raises(DeploymentError) as failure:
            program(
                """
                topic = aws.sns.Topic("first", name=name)
                aws.iam.UserPolicy("second", user=topic.name, policy="{}")
                """
            )
        assert str(failure.value).startswith("aws:iam/userPolicy:UserPolicy 'second' could not be created: ")
        assert "NoSuchEntity" in str(failure.value)
        assert topics(aws) == before
        assert [(event.phase, event.name) for event in events] == [
            ("creating", "first"),
            ("created", "first"),
            ("creating", "second"),
            ("failed", "second"),
            ("deleting", "first"),
            ("deleted", "first"),
        ]

    def test_of_the_program_itself_take_back_what_was_made(self, program: Program, aws: LocalAws) -> None:
        before = topics(aws)
        with pytest.raises(
            DeploymentError,
            match=r"^the program failed \(__main__\.py, line \d+\): ZeroDivisionError: division",
        ):
            program('aws.sns.Topic("topic", name=name).arn.apply(lambda arn: 1 / 0)')
        assert topics(aws) == before

    @pytest.mark.parametrize(
        ("lines", "message"),
        [
            (
                'aws.sqs.Queue("queue")',
                "aws:sqs/queue:Queue 'queue' could not be created: local AWS does not",
            ),
            ('aws.sns.Topic("topic", fifo_topic=True)', "fifoTopic: is not a property that local AWS"),
            ('aws.sns.Topic("topic", name="a b")', "name: 'a b' does not match"),
            (
                'aws.sns.Topic("topic", name=name)\naws.sns.Topic("topic", name=name + "2")',
                "'topic' could not be created: two resources have this type and name",
            ),
            ('aws.sns.Topic.get("topic", "arn:x")', "'topic': reading an existing resource is not"),
            ("aws.get_availability_zones()", "aws:index/getAvailabilityZones:getAvailabilityZones is not"),
        ],
    )
    def test_are_rejected_where_they_would_pass_unseen(
        self, program: Program, lines: str, message: str
    ) -> None:
        with pytest.raises(Exception, match=message):
            program(lines)


class TestDestroying:
    def test_goes_from_the_last_to_the_first(self, program: Program, events: list[Event]) -> None:
        deployment = program(
            """
            user = aws.iam.User("user", name=name)
            aws.iam.AccessKey("key", user=user.name)
            """
        )
        events.clear()
        deployment.destroy()
        assert [(event.phase, event.name) for event in events] == [
            ("deleting", "key"),
            ("deleted", "key"),
            ("deleting", "user"),
            ("deleted", "user"),
        ]

    def test_is_no_error_if_a_resource_no_longer_exists(self, program: Program, aws: LocalAws) -> None:
        deployment = program('pulumi.export("name", aws.iam.User("user", name=name).name)')
        aws.client("iam").delete_user(UserName=deployment.outputs["name"])
        deployment.destroy()

    def test_deletes_nothing_if_a_resource_is_protected(self, program: Program, aws: LocalAws) -> None:
        deployment = program(
            """
            topic = aws.sns.Topic("topic", name=name, opts=pulumi.ResourceOptions(protect=True))
            aws.iam.User("user", name=name)
            pulumi.export("name", topic.name)
            """
        )
        with pytest.raises(DeploymentError, match="aws:sns/topic:Topic 'topic' is protected: nothing was"):
            deployment.destroy()
        assert deployment.outputs["name"] in topics(aws)
        assert len(deployment.resources) == 2

    def test_may_be_tried_again(self, program: Program, aws: LocalAws) -> None:
        deployment = program('pulumi.export("name", aws.s3.Bucket("bucket", bucket=name).bucket)')
        bucket = deployment.outputs["name"]
        aws.client("s3").put_object(Bucket=bucket, Key="a")
        with pytest.raises(DeploymentError, match="aws:s3/bucket:Bucket 'bucket' could not be deleted"):
            deployment.destroy()
        aws.client("s3").delete_object(Bucket=bucket, Key="a")
        deployment.destroy()
        assert deployment.resources == []


def test_events_tell_the_tree(program: Program, events: list[Event]) -> None:
    program(
        """
        class Part(pulumi.ComponentResource):
            def __init__(self, name):
                super().__init__("small:index:Part", name)
                aws.iam.User("user", name=globals()["name"], opts=pulumi.ResourceOptions(parent=self))

        Part("part")
        """
    ).destroy()
    part, user = events[0], events[1]
    assert (part.token, part.phase) == ("small:index:Part", "created")
    assert (user.token, user.phase, user.parent) == ("aws:iam/user:User", "creating", part.urn)
