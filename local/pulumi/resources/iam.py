"""IAM: roles, users, their inline policies, access keys, managed policies, OpenID Connect providers."""

import json
from collections.abc import Collection
from typing import Any, ClassVar

from local.pulumi.provider.resource import NotFoundError, Properties, Resource, retag, tag_list, tag_map
from local.pulumi.provider.schema import Inputs, Items, Json, Strings, Text

NAME = r"[\w+=,.@-]{1,128}"
BOUNDARY = Text(pattern=r"arn:aws[a-z-]*:iam::(\d{12}|aws):policy/.+")


class Role(Resource):
    """A role; its id is the name."""

    token = "aws:iam/role:Role"
    named_by = "name"
    inputs: ClassVar[Inputs] = {
        "name": Text(pattern=r"[\w+=,.@-]{1,64}", replaces=True),
        "assumeRolePolicy": Json(required=True),
        "permissionsBoundary": BOUNDARY,
        "tags": Strings(),
    }

    def create_resource(self, inputs: Properties) -> Properties:
        self.aws.iam.create_role(
            RoleName=inputs["name"],
            AssumeRolePolicyDocument=inputs["assumeRolePolicy"],
            Tags=tag_list(inputs.get("tags")),
            **_boundary(inputs),
        )
        return {"id": inputs["name"]}

    def read_resource(self, id_: str, _known: Properties) -> Properties:
        role: Any = self.aws.iam.get_role(RoleName=id_)["Role"]
        tags = self._tags(id_)
        return {
            "arn": role["Arn"],
            "assumeRolePolicy": json.dumps(role["AssumeRolePolicyDocument"]),
            "createDate": role["CreateDate"].isoformat(),
            "name": id_,
            "permissionsBoundary": role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"),
            "tags": tags,
            "tagsAll": tags,
            "uniqueId": role["RoleId"],
        }

    def update_resource(self, id_: str, inputs: Properties, changed: Collection[str]) -> None:
        iam = self.aws.iam
        if "assumeRolePolicy" in changed:
            iam.update_assume_role_policy(RoleName=id_, PolicyDocument=inputs["assumeRolePolicy"])
        if "permissionsBoundary" in changed:
            if boundary := _boundary(inputs):
                iam.put_role_permissions_boundary(RoleName=id_, **boundary)
            else:
                iam.delete_role_permissions_boundary(RoleName=id_)
        if "tags" in changed:
            retag(
                self._tags(id_),
                inputs.get("tags"),
                lambda keys: iam.untag_role(RoleName=id_, TagKeys=keys),
                lambda tags: iam.tag_role(RoleName=id_, Tags=tag_list(tags)),
            )

    def delete_resource(self, id_: str, _state: Properties) -> None:
        self.aws.iam.delete_role(RoleName=id_)

    def _tags(self, name: str) -> dict[str, str]:
        return tag_map(self.aws.iam.list_role_tags(RoleName=name)["Tags"])


class RolePolicy(Resource):
    """A policy inside a role; its id is `role:name`."""

    token = "aws:iam/rolePolicy:RolePolicy"
    named_by = "name"
    inputs: ClassVar[Inputs] = {
        "name": Text(pattern=NAME, replaces=True),
        "role": Text(required=True, replaces=True),
        "policy": Json(required=True),
    }

    def create_resource(self, inputs: Properties) -> Properties:
        id_ = f"{inputs['role']}:{inputs['name']}"
        self.update_resource(id_, inputs, ("policy",))
        return {"id": id_}

    def read_resource(self, id_: str, _known: Properties) -> Properties:
        role, _, name = id_.partition(":")
        document = self.aws.iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        return {"role": role, "name": name, "policy": json.dumps(document)}

    def update_resource(self, id_: str, inputs: Properties, _changed: Collection[str]) -> None:
        role, _, name = id_.partition(":")
        self.aws.iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=inputs["policy"])

    def delete_resource(self, id_: str, _state: Properties) -> None:
        role, _, name = id_.partition(":")
        self.aws.iam.delete_role_policy(RoleName=role, PolicyName=name)


class Policy(Resource):
    """A managed policy; its id is the ARN. An update replaces its only version."""

    token = "aws:iam/policy:Policy"
    named_by = "name"
    inputs: ClassVar[Inputs] = {
        "name": Text(pattern=NAME, replaces=True),
        "policy": Json(required=True),
        "tags": Strings(),
    }

    def create_resource(self, inputs: Properties) -> Properties:
        created = self.aws.iam.create_policy(
            PolicyName=inputs["name"],
            PolicyDocument=inputs["policy"],
            Tags=tag_list(inputs.get("tags")),
        )
        return {"id": created["Policy"]["Arn"]}

    def read_resource(self, id_: str, _known: Properties) -> Properties:
        policy = self.aws.iam.get_policy(PolicyArn=id_)["Policy"]
        version = self.aws.iam.get_policy_version(PolicyArn=id_, VersionId=policy["DefaultVersionId"])
        tags = self._tags(id_)
        return {
            "arn": id_,
            "name": policy["PolicyName"],
            "policy": json.dumps(version["PolicyVersion"]["Document"]),
            "tags": tags,
            "tagsAll": tags,
        }

    def update_resource(self, id_: str, inputs: Properties, changed: Collection[str]) -> None:
        iam = self.aws.iam
        if "policy" in changed:
            old = iam.get_policy(PolicyArn=id_)["Policy"]["DefaultVersionId"]
            iam.create_policy_version(PolicyArn=id_, PolicyDocument=inputs["policy"], SetAsDefault=True)
            iam.delete_policy_version(PolicyArn=id_, VersionId=old)
        if "tags" in changed:
            retag(
                self._tags(id_),
                inputs.get("tags"),
                lambda keys: iam.untag_policy(PolicyArn=id_, TagKeys=keys),
                lambda tags: iam.tag_policy(PolicyArn=id_, Tags=tag_list(tags)),
            )

    def delete_resource(self, id_: str, _state: Properties) -> None:
        self.aws.iam.delete_policy(PolicyArn=id_)

    def _tags(self, arn: str) -> dict[str, str]:
        return tag_map(self.aws.iam.list_policy_tags(PolicyArn=arn)["Tags"])


class User(Resource):
    """A user; its id is the name."""

    token = "aws:iam/user:User"
    named_by = "name"
    inputs: ClassVar[Inputs] = {
        "name": Text(pattern=r"[\w+=,.@-]{1,64}", replaces=True),
        "permissionsBoundary": BOUNDARY,
        "tags": Strings(),
    }

    def create_resource(self, inputs: Properties) -> Properties:
        self.aws.iam.create_user(
            UserName=inputs["name"],
            Tags=tag_list(inputs.get("tags")),
            **_boundary(inputs),
        )
        return {"id": inputs["name"]}

    def read_resource(self, id_: str, _known: Properties) -> Properties:
        user: Any = self.aws.iam.get_user(UserName=id_)["User"]
        tags = self._tags(id_)
        return {
            "arn": user["Arn"],
            "name": id_,
            "permissionsBoundary": user.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"),
            "tags": tags,
            "tagsAll": tags,
            "uniqueId": user["UserId"],
        }

    def update_resource(self, id_: str, inputs: Properties, changed: Collection[str]) -> None:
        iam = self.aws.iam
        if "permissionsBoundary" in changed:
            if boundary := _boundary(inputs):
                iam.put_user_permissions_boundary(UserName=id_, **boundary)
            else:
                iam.delete_user_permissions_boundary(UserName=id_)
        if "tags" in changed:
            retag(
                self._tags(id_),
                inputs.get("tags"),
                lambda keys: iam.untag_user(UserName=id_, TagKeys=keys),
                lambda tags: iam.tag_user(UserName=id_, Tags=tag_list(tags)),
            )

    def delete_resource(self, id_: str, _state: Properties) -> None:
        self.aws.iam.delete_user(UserName=id_)

    def _tags(self, name: str) -> dict[str, str]:
        return tag_map(self.aws.iam.list_user_tags(UserName=name)["Tags"])


class UserPolicy(Resource):
    """A policy inside a user; its id is `user:name`."""

    token = "aws:iam/userPolicy:UserPolicy"
    named_by = "name"
    inputs: ClassVar[Inputs] = {
        "name": Text(pattern=NAME, replaces=True),
        "user": Text(required=True, replaces=True),
        "policy": Json(required=True),
    }

    def create_resource(self, inputs: Properties) -> Properties:
        id_ = f"{inputs['user']}:{inputs['name']}"
        self.update_resource(id_, inputs, ("policy",))
        return {"id": id_}

    def read_resource(self, id_: str, _known: Properties) -> Properties:
        user, _, name = id_.partition(":")
        document = self.aws.iam.get_user_policy(UserName=user, PolicyName=name)["PolicyDocument"]
        return {"user": user, "name": name, "policy": json.dumps(document)}

    def update_resource(self, id_: str, inputs: Properties, _changed: Collection[str]) -> None:
        user, _, name = id_.partition(":")
        self.aws.iam.put_user_policy(UserName=user, PolicyName=name, PolicyDocument=inputs["policy"])

    def delete_resource(self, id_: str, _state: Properties) -> None:
        user, _, name = id_.partition(":")
        self.aws.iam.delete_user_policy(UserName=user, PolicyName=name)


class AccessKey(Resource):
    """A user's key; its id is the access key id. AWS returns the secret once, when the key is created."""

    token = "aws:iam/accessKey:AccessKey"
    inputs: ClassVar[Inputs] = {
        "user": Text(required=True, replaces=True),
    }
    secret = ("secret",)

    def create_resource(self, inputs: Properties) -> Properties:
        key = self.aws.iam.create_access_key(UserName=inputs["user"])["AccessKey"]
        return {"id": key["AccessKeyId"], "secret": key["SecretAccessKey"]}

    def read_resource(self, id_: str, known: Properties) -> Properties:
        keys = self.aws.iam.list_access_keys(UserName=known["user"])["AccessKeyMetadata"]
        key = next((one for one in keys if one["AccessKeyId"] == id_), None)
        if key is None:
            raise NotFoundError(f"{known['user']} has no access key {id_}")
        return {
            "user": known["user"],
            "createDate": key["CreateDate"].isoformat(),
        }

    def update_resource(self, id_: str, _inputs: Properties, _changed: Collection[str]) -> None:
        """Nothing to do: the only input replaces."""

    def delete_resource(self, id_: str, state: Properties) -> None:
        self.aws.iam.delete_access_key(UserName=state["user"], AccessKeyId=id_)


class OpenIdConnectProvider(Resource):
    """A provider of web identities; its id is the ARN. Local AWS has no operation that changes one."""

    token = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
    inputs: ClassVar[Inputs] = {
        "url": Text(required=True, pattern="https://.+", replaces=True),
        "clientIdLists": Items(item=Text(), required=True, low=1, replaces=True),
        "tags": Strings(replaces=True),
    }

    def create_resource(self, inputs: Properties) -> Properties:
        created = self.aws.iam.create_open_id_connect_provider(
            Url=inputs["url"],
            ClientIDList=inputs["clientIdLists"],
            Tags=tag_list(inputs.get("tags")),
        )
        return {"id": created["OpenIDConnectProviderArn"]}

    def read_resource(self, id_: str, _known: Properties) -> Properties:
        provider = self.aws.iam.get_open_id_connect_provider(OpenIDConnectProviderArn=id_)
        tags = tag_map(provider["Tags"])
        return {
            "arn": id_,
            "url": f"https://{provider['Url'].removeprefix('https://')}",  # AWS returns it without the scheme
            "clientIdLists": provider["ClientIDList"],
            "tags": tags,
            "tagsAll": tags,
        }

    def update_resource(self, id_: str, _inputs: Properties, _changed: Collection[str]) -> None:
        """Nothing to do: each input replaces."""

    def delete_resource(self, id_: str, _state: Properties) -> None:
        self.aws.iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=id_)


def _boundary(inputs: Properties) -> dict[str, Any]:
    boundary = inputs.get("permissionsBoundary")
    return {"PermissionsBoundary": boundary} if boundary else {}
