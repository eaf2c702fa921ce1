"""Encryption at rest and in transit."""

import json
from dataclasses import replace
from typing import Any

import pytest
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, UnknownValueError, unknown_checking_proxy

from policy.encryption import AT_REST, tls_only
from tests.policy.recorded import Resources, added, changed, violations, without

TLS = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": "*",
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}


@pytest.mark.parametrize(
    ("name", "props", "fix"),
    [
        ("stream-stream", {"encryptionType": "NONE"}, 'encryption_type="KMS" and kms_key_id'),
        ("stream-stream", {"encryptionType": None}, 'encryption_type="KMS" and kms_key_id'),
        ("table-table", {"serverSideEncryption": None}, "server_side_encryption with enabled=True"),
        (
            "table-table",
            {"serverSideEncryption": {"enabled": False}},
            "server_side_encryption with enabled=True",
        ),
    ],
)
def test_a_resource_of_the_stack_that_loses_its_encryption_is_found(
    prod: Resources, name: str, props: dict[str, Any], fix: str
) -> None:
    assert violations("encryption-at-rest", prod) == []
    assert violations("encryption-at-rest", changed(prod, name, **props)) == [
        f"{name} is not encrypted at rest. Fix: set {fix}."
    ]


@pytest.mark.parametrize("type_", AT_REST)
def test_a_resource_without_encryption_that_somebody_adds_is_found_and_one_with_it_is_not(
    prod: Resources, type_: str
) -> None:
    path, fix = AT_REST[type_]
    assert violations("encryption-at-rest", added(prod, type_)) == [
        f"added is not encrypted at rest. Fix: set {fix}."
    ]
    encrypted: Any = "KMS" if type_.endswith(":Stream") else True
    for name in reversed(path):
        encrypted = {name: encrypted}
    assert violations("encryption-at-rest", added(prod, type_, **encrypted)) == []


def test_every_bucket_and_topic_of_both_programs_denies_requests_without_tls(
    prod: Resources, account: Resources
) -> None:
    assert violations("tls-only", prod) == violations("tls-only", account) == []
    assert violations("tls-only", without(prod, "quarantine-policy")) == [
        "quarantine-bucket accepts requests without TLS. Fix: give it a BucketPolicy that denies everybody s3:* if "
        'aws:SecureTransport is "false", as deny_without_tls of infra/iam.py does.'
    ]
    assert violations("tls-only", without(prod, "monitoring-topic-policy")) == [
        "monitoring-topic accepts requests without TLS. Fix: give it a TopicPolicy that denies everybody sns:Publish "
        'if aws:SecureTransport is "false", as deny_without_tls of infra/iam.py does.'
    ]
    assert len(violations("tls-only", without(account, "state-policy"))) == 1
    assert len(violations("tls-only", added(prod, "aws:sqs/queue:Queue"))) == 1


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        (TLS, 0),
        (TLS | {"Principal": {"AWS": "*"}, "Action": ["s3:*"]}, 0),
        (TLS | {"Condition": {"Bool": {"AWS:SecureTransport": [False]}}}, 0),
        (TLS | {"Effect": "Allow"}, 1),
        (TLS | {"Principal": {"AWS": "arn:aws:iam::123456789012:root"}}, 1),
        (TLS | {"Action": "s3:GetObject"}, 1),
        (TLS | {"Condition": {"Bool": {"aws:SecureTransport": "true"}}}, 1),
        (TLS | {"Condition": {**TLS["Condition"], "StringEquals": {"aws:PrincipalAccount": "1"}}}, 1),  # type: ignore[dict-item]
        (TLS | {"NotResource": "*"}, 1),
        (TLS | {"Resource": ["arn:aws:s3:::clicks", "arn:aws:s3:::clicks/*"]}, 0),
        (TLS | {"Resource": "arn:aws:s3:::clicks"}, 1),
        (TLS | {"Resource": "arn:aws:s3:::clicks/*"}, 1),
    ],
)
def test_only_a_statement_that_denies_everybody_everything_counts(
    prod: Resources, statement: dict[str, Any], found: int
) -> None:
    document = json.dumps({"Statement": statement})
    assert len(violations("tls-only", changed(prod, "quarantine-policy", policy=document))) == found


def test_what_has_no_policy_is_found_before_a_policy_whose_text_is_not_known_yet(prod: Resources) -> None:
    unknown = unknown_checking_proxy({"policy": UNKNOWN_STRING_VALUE})
    previewed = [
        replace(each, props=unknown) if each.name == "quarantine-policy" else each
        for each in added(prod, "aws:s3/bucket:Bucket")
    ]
    found = tls_only(previewed)
    assert next(found)[0].name == "added"
    with pytest.raises(UnknownValueError):
        list(found)


def test_a_topic_delivers_over_tls_only(prod: Resources) -> None:
    subscription = "aws:sns/topicSubscription:TopicSubscription"
    assert violations("tls-only", added(prod, subscription, protocol="https")) == []
    assert violations("tls-only", added(prod, subscription, protocol="http")) == [
        'added delivers without TLS. Fix: set protocol="https".'
    ]
