"""SNS: topics, their policies and subscriptions."""

from collections.abc import Collection, Mapping
from typing import ClassVar

from local.pulumi.provider.resource import NotFoundError, Properties, Resource, retag, tag_list, tag_map
from local.pulumi.provider.schema import Inputs, Json, Strings, Text

PROTOCOLS = ("application", "email", "email-json", "firehose", "http", "https", "lambda", "sms", "sqs")


class Topic(Resource):
    """A standard topic; its id is the ARN."""

    token = "aws:sns/topic:Topic"
    named_by = "name"
    inputs: ClassVar[Inputs] = {
        "name": Text(pattern=r"[\w-]{1,256}", replaces=True),
        "kmsMasterKeyId": Text(),
        "tags": Strings(),
    }
    attributes: ClassVar[Mapping[str, str]] = {
        "kmsMasterKeyId": "KmsMasterKeyId",
    }

    def create_resource(self, inputs: Properties) -> Properties:
        topic = self.aws.sns.create_topic(
            Name=inputs["name"],
            Attributes={self.attributes[key]: inputs[key] for key in self.attributes if key in inputs},
            Tags=tag_list(inputs.get("tags")),
        )
        return {"id": topic["TopicArn"]}

    def read_resource(self, id_: str, _known: Properties) -> Properties:
        attributes = self.aws.sns.get_topic_attributes(TopicArn=id_)["Attributes"]
        tags = self._tags(id_)
        return {
            "arn": id_,
            "name": id_.rpartition(":")[2],
            "kmsMasterKeyId": attributes.get("KmsMasterKeyId"),
            "owner": id_.split(":")[4],
            "region": self.aws.region,
            "tags": tags,
            "tagsAll": tags,
        }

    def update_resource(self, id_: str, inputs: Properties, changed: Collection[str]) -> None:
        sns = self.aws.sns
        for key, attribute in self.attributes.items():
            if key in changed:
                sns.set_topic_attributes(
                    TopicArn=id_, AttributeName=attribute, AttributeValue=inputs.get(key, "")
                )
        if "tags" in changed:
            retag(
                self._tags(id_),
                inputs.get("tags"),
                lambda keys: sns.untag_resource(ResourceArn=id_, TagKeys=keys),
                lambda tags: sns.tag_resource(ResourceArn=id_, Tags=tag_list(tags)),
            )

    def delete_resource(self, id_: str, _state: Properties) -> None:
        self.aws.sns.delete_topic(TopicArn=id_)

    def _tags(self, arn: str) -> dict[str, str]:
        return tag_map(self.aws.sns.list_tags_for_resource(ResourceArn=arn)["Tags"])


class TopicPolicy(Resource):
    """A topic's policy; its id is the topic's ARN."""

    token = "aws:sns/topicPolicy:TopicPolicy"
    inputs: ClassVar[Inputs] = {"arn": Text(required=True, replaces=True), "policy": Json(required=True)}

    def create_resource(self, inputs: Properties) -> Properties:
        self.update_resource(inputs["arn"], inputs, ("policy",))
        return {"id": inputs["arn"]}

    def read_resource(self, id_: str, _known: Properties) -> Properties:
        policy = self.aws.sns.get_topic_attributes(TopicArn=id_)["Attributes"].get("Policy")
        return {"arn": id_, "owner": id_.split(":")[4], "policy": policy}

    def update_resource(self, id_: str, inputs: Properties, _changed: Collection[str]) -> None:
        self.aws.sns.set_topic_attributes(
            TopicArn=id_, AttributeName="Policy", AttributeValue=inputs["policy"]
        )

    def delete_resource(self, id_: str, _state: Properties) -> None:
        """Restore the topic's default policy: a topic always has one."""
        self.aws.sns.set_topic_attributes(TopicArn=id_, AttributeName="Policy", AttributeValue="")


class TopicSubscription(Resource):
    """An endpoint that a topic notifies; its id is the ARN, known before an e-mail address confirms it."""

    token = "aws:sns/topicSubscription:TopicSubscription"
    inputs: ClassVar[Inputs] = {
        "topic": Text(required=True, replaces=True),
        "protocol": Text(required=True, one_of=PROTOCOLS, replaces=True),
        "endpoint": Text(required=True, replaces=True),
    }

    def create_resource(self, inputs: Properties) -> Properties:
        subscription = self.aws.sns.subscribe(
            TopicArn=inputs["topic"],
            Protocol=inputs["protocol"],
            Endpoint=inputs["endpoint"],
            ReturnSubscriptionArn=True,
        )
        return {"id": subscription["SubscriptionArn"]}

    def read_resource(self, id_: str, _known: Properties) -> Properties:
        attributes = self.aws.sns.get_subscription_attributes(SubscriptionArn=id_)["Attributes"]
        if not attributes:
            raise NotFoundError(f"subscription {id_} does not exist")
        return {
            "arn": id_,
            "topic": attributes["TopicArn"],
            "protocol": attributes["Protocol"],
            "endpoint": attributes["Endpoint"],
            "ownerId": attributes.get("Owner"),
            "pendingConfirmation": attributes.get("PendingConfirmation") == "true",
        }

    def update_resource(self, id_: str, inputs: Properties, changed: Collection[str]) -> None:
        """Nothing to do: every input replaces."""

    def delete_resource(self, id_: str, _state: Properties) -> None:
        self.aws.sns.unsubscribe(SubscriptionArn=id_)
