"""Local AWS evaluates policies as AWS does: ARNs, condition keys and actions that a request does not name."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.aws.local_aws import LocalAws
from local.aws.server import ACCOUNT
from tests.local.conftest import TRUST_LAMBDA, unique, zipped


class User:
    """A user with one inline policy, given anew by each `allow`."""

    def __init__(self, aws: LocalAws) -> None:
        self.iam = aws.client("iam")
        self.name = unique("user")
        self.iam.create_user(UserName=self.name)
        key = self.iam.create_access_key(UserName=self.name)["AccessKey"]
        self.keys = {"access_key": key["AccessKeyId"], "secret_key": key["SecretAccessKey"]}

    def allow(self, *statements: dict[str, Any]) -> None:
        document = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", **each} for each in statements],
        }
        self.iam.put_user_policy(UserName=self.name, PolicyName="p", PolicyDocument=json.dumps(document))


@pytest.fixture
def user(aws: LocalAws) -> Iterator[User]:
    made = User(aws)
    yield made
    made.iam.delete_user_policy(UserName=made.name, PolicyName="p")
    made.iam.delete_access_key(UserName=made.name, AccessKeyId=made.keys["access_key"])
    made.iam.delete_user(UserName=made.name)


def test_a_function_is_created_only_by_who_may_pass_its_role_to_lambda(aws: LocalAws, user: User) -> None:
    name = unique("function")
    role = user.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST_LAMBDA))["Role"][
        "Arn"
    ]
    functions = aws.client("lambda", **user.keys)
    create = {
        "Action": "lambda:CreateFunction",
        "Resource": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}",
    }
    code = {
        "Code": {"ZipFile": zipped(app="def handle(event, context): pass")},
        "Handler": "app.handle",
        "Runtime": "python3.13",
    }
    for service in (None, "ec2.amazonaws.com"):
        condition = {"StringEquals": {"iam:PassedToService": service}}
        user.allow(
            create,
            *([{"Action": "iam:PassRole", "Resource": role, "Condition": condition}] if service else []),
        )
        with pytest.raises(ClientError, match="not authorized to perform: iam:PassRole"):
            functions.create_function(FunctionName=name, Role=role, **code)
    to_lambda = {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
    user.allow(create, {"Action": "iam:PassRole", "Resource": role, "Condition": to_lambda})
    functions.create_function(FunctionName=name, Role=role, **code)
    aws.client("lambda").delete_function(FunctionName=name)


def test_an_alias_is_evaluated_with_its_key(aws: LocalAws, user: User) -> None:
    key = aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    alias = f"alias/{unique('key')}"
    aws.client("kms").create_alias(AliasName=alias, TargetKeyId=key)
    kms = aws.client("kms", **user.keys)
    user.allow({"Action": "kms:DescribeKey", "Resource": f"arn:aws:kms:us-east-1:{ACCOUNT}:{alias}"})
    with pytest.raises(ClientError, match="not authorized to perform: kms:DescribeKey"):
        kms.describe_key(KeyId=alias)
    user.allow({"Action": "kms:DescribeKey", "Resource": key})
    assert kms.describe_key(KeyId=alias)["KeyMetadata"]["Arn"] == key


def test_a_version_is_evaluated_with_its_number_and_an_alias_is_changed_with_its_function(
    aws: LocalAws, user: User
) -> None:
    root, mine = aws.client("lambda"), aws.client("lambda", **user.keys)
    name = unique("function")
    role = user.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST_LAMBDA))["Role"][
        "Arn"
    ]
    arn = root.create_function(
        FunctionName=name,
        Role=role,
        Code={"ZipFile": zipped(app="def handle(event, context): pass")},
        Handler="app.handle",
        Runtime="python3.13",
    )["FunctionArn"]
    root.publish_version(FunctionName=name)
    root.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    user.allow({"Action": "lambda:*", "Resource": arn})
    assert mine.get_alias(FunctionName=name, Name="live")["FunctionVersion"] == "1"
    mine.update_alias(FunctionName=name, Name="live", FunctionVersion="1")
    with pytest.raises(ClientError, match="not authorized to perform: lambda:InvokeFunction"):
        mine.invoke(FunctionName=name, Qualifier="live")
    user.allow({"Action": ["lambda:GetAlias", "lambda:InvokeFunction"], "Resource": [arn, f"{arn}:live"]})
    mine.invoke(FunctionName=name, Qualifier="live")
    for call, action in ((mine.update_alias, "UpdateAlias"), (mine.delete_alias, "DeleteAlias")):
        with pytest.raises(ClientError, match=f"not authorized to perform: lambda:{action}"):
            call(FunctionName=name, Name="live")
    root.delete_function(FunctionName=name)


@pytest.mark.parametrize("kind", ["Role", "User"])
def test_an_identity_is_created_and_changed_only_within_the_boundary_that_a_policy_demands(
    aws: LocalAws, user: User, kind: str
) -> None:
    everything = json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    )
    one, other = (
        user.iam.create_policy(PolicyName=unique("boundary"), PolicyDocument=everything)["Policy"]["Arn"]
        for _ in "ab"
    )
    actions = [f"iam:Create{kind}", f"iam:Put{kind}Policy", f"iam:Put{kind}PermissionsBoundary"]
    user.allow(
        {"Action": actions, "Resource": "*", "Condition": {"StringEquals": {"iam:PermissionsBoundary": one}}}
    )
    iam, name = aws.client("iam", **user.keys), unique("bounded")
    trust = {"AssumeRolePolicyDocument": json.dumps(TRUST_LAMBDA)} if kind == "Role" else {}
    create = getattr(iam, f"create_{kind.lower()}")
    policy = {f"{kind}Name": name, "PolicyName": "p", "PolicyDocument": everything}
    for boundary in ({}, {"PermissionsBoundary": other}):
        with pytest.raises(ClientError, match=f"not authorized to perform: iam:Create{kind}"):
            create(**{f"{kind}Name": name}, **trust, **boundary)
    create(**{f"{kind}Name": name}, **trust, PermissionsBoundary=one)
    getattr(iam, f"put_{kind.lower()}_policy")(**policy)
    with pytest.raises(ClientError, match=f"not authorized to perform: iam:Put{kind}PermissionsBoundary"):
        getattr(iam, f"put_{kind.lower()}_permissions_boundary")(
            **{f"{kind}Name": name}, PermissionsBoundary=other
        )
