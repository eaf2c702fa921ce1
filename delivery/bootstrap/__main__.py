"""Prepares an account once: GitHub's identity provider, the state bucket, and for each stack its roles and key."""

import sys
from pathlib import Path

import pulumi
import pulumi_aws as aws

# The program shares the modules of the repository; Pulumi runs it in this folder.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from delivery.bootstrap import PREFIX
from delivery.bootstrap.permissions import Account
from delivery.bootstrap.roles import StackAccess, github_provider
from delivery.bootstrap.settings import parse_settings
from delivery.bootstrap.state import StateBucket
from infra.settings import load

settings = load(parse_settings)
tags = {"Project": pulumi.get_project()}
account = Account(
    partition=aws.get_partition_output().partition,
    region=aws.get_region_output().region,
    id=aws.get_caller_identity_output().account_id,
    namespace_stacks=settings.account_namespace_stacks,
)

provider_arn = github_provider(create=settings.create_github_provider, tags=tags)
state = StateBucket(
    "state",
    bucket=pulumi.Output.concat(PREFIX, "-state-", account.id, "-", account.region),
    protect=settings.protect,
    tags=tags,
)
stacks = {
    stack: StackAccess(
        stack,
        account=account,
        provider_arn=provider_arn,
        subject=settings.subject,
        branch=settings.branch,
        previewed_by_pull_requests=stack in settings.pull_request_stacks,
        state=state,
        kms_key_arns=settings.kms_key_arns,
        stream_arns=settings.stream_arns,
        protect=settings.protect,
        tags=tags,
    )
    for stack in settings.stacks
}

pulumi.export("repository", settings.repository)
pulumi.export("branch", settings.branch)
pulumi.export("region", account.region)
pulumi.export("state_bucket", state.bucket_name)
pulumi.export("stack_names", settings.stacks)
pulumi.export("pull_request_stacks", settings.pull_request_stacks)
pulumi.export("stacks", {stack: access.outputs() for stack, access in stacks.items()})
