"""The roles that deploy and preview a stack from GitHub, with the identity provider, the boundary and the key."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws

from delivery.bootstrap import ISSUER, PREFIX
from delivery.bootstrap.grants import stack_grants
from delivery.bootstrap.permissions import Account, backend_grants, boundary
from delivery.bootstrap.state import StateBucket
from infra.iam import Statement, policy_document

AUDIENCE = "sts.amazonaws.com"


def github_provider(*, create: bool, tags: Mapping[str, str]) -> pulumi.Output[str]:
    """Return the ARN of GitHub's OpenID Connect provider, created here or already in the account.

    An existing provider is only read, so that destroying this stack cannot lock out others.

    Raises:
        pulumi.RunError: the existing provider does not accept tokens for AWS.
    """
    if create:
        # No thumbprints: AWS trusts GitHub's certificate authority itself ("Obtain the thumbprint", IAM User Guide).
        created = aws.iam.OpenIdConnectProvider(
            "github", url=f"https://{ISSUER}", client_id_lists=[AUDIENCE], tags=tags
        )
        return created.arn
    existing = aws.iam.get_open_id_connect_provider(url=f"https://{ISSUER}")
    if AUDIENCE not in existing.client_id_lists:
        raise pulumi.RunError(
            f"{existing.arn} does not accept tokens for {AUDIENCE}: "
            f"aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn {existing.arn} "
            f"--client-id {AUDIENCE}"
        )
    return pulumi.Output.from_input(existing.arn)


class StackAccess(pulumi.ComponentResource):
    """The roles of one stack, the permissions boundary of the identities that it creates, and the key of its secrets.

    The deploy role trusts jobs in the GitHub environment of the stack's name, which GitHub limits to a branch and,
    for production, to what a reviewer approved. The preview role only reads. It trusts jobs of the branch, and
    those of pull requests if the stack may be previewed by code that is not reviewed yet: such code can read that
    stack's state and decrypt its secrets, but those of no other stack.

    docs/decisions.md: why one key and one state a stack, and why an existing provider is only read.

    Attributes:
        deploy_role_arn: the role that creates, changes and deletes the stack.
        preview_role_arn: the role that previews it and finds drift.
        permissions_boundary_arn: the stack's setting `permissionsBoundaryArn`.
        backend_url: the backend of the stack's state, for `pulumi login`.
        secrets_provider: the key of its secrets, for `pulumi stack init --secrets-provider`.
    """

    deploy_role_arn: pulumi.Output[str]
    preview_role_arn: pulumi.Output[str]
    permissions_boundary_arn: pulumi.Output[str]
    backend_url: pulumi.Output[str]
    secrets_provider: pulumi.Output[str]

    def __init__(
        self,
        stack: str,
        *,
        account: Account,
        provider_arn: pulumi.Input[str],
        subject: str,
        branch: str,
        previewed_by_pull_requests: bool,
        state: StateBucket,
        kms_key_arns: Sequence[str],
        stream_arns: Sequence[str],
        protect: bool,
        tags: Mapping[str, str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the roles and what they need.

        Args:
            subject: start of the subject of GitHub's tokens for the repository.
            previewed_by_pull_requests: whether the preview role trusts the code of pull requests.
            kms_key_arns: keys that the stack may name as `kmsKeyArn`.
            stream_arns: streams that the stack may name as `streamArn`.
        """
        super().__init__("stream-processing:bootstrap:StackAccess", stack, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        protected = pulumi.ResourceOptions(parent=self, protect=protect)
        name = f"{PREFIX}-{stack}"
        key = aws.kms.Key(
            f"{stack}-key",
            description=f"Secrets in the configuration and the state of the stack {stack} of {PREFIX}",
            deletion_window_in_days=30,
            enable_key_rotation=True,
            tags=tags,
            opts=protected,
        )
        alias = aws.kms.Alias(
            f"{stack}-key-alias", name=f"alias/{name}", target_key_id=key.key_id, opts=protected
        )
        bounds = aws.iam.Policy(
            f"{stack}-boundary",
            name=f"{name}-boundary",
            policy=policy_document(*boundary(account, stack, stream_arns)),
            tags=tags,
            opts=child,
        )
        grants = stack_grants(account, stack, bounds.arn, kms_key_arns)
        backend = backend_grants(state.arn, stack, key.arn)
        reviewed = f"{subject}:ref:refs/heads/{branch}"
        self.deploy_role_arn = self._role(
            f"{stack}-deploy",
            f"{name}-deploy",
            _trust(provider_arn, [f"{subject}:environment:{stack}"]),
            [grant.all() for grant in (*grants, *backend)],
            tags,
        )
        self.preview_role_arn = self._role(
            f"{stack}-preview",
            f"{name}-preview",
            _trust(
                provider_arn,
                [reviewed, f"{subject}:pull_request"] if previewed_by_pull_requests else [reviewed],
            ),
            [grant.only_reads() for grant in (*grants, *backend) if grant.reads],
            tags,
        )
        self.permissions_boundary_arn = bounds.arn
        self.backend_url = pulumi.Output.concat(
            "s3://", state.bucket_name, f"/{stack}?region=", account.region
        )
        self.secrets_provider = pulumi.Output.concat("awskms://", alias.name, "?region=", account.region)
        self.register_outputs(self.outputs())

    def outputs(self) -> dict[str, pulumi.Output[str]]:
        """Return what the workflows and `delivery` read."""
        return {
            "deploy_role_arn": self.deploy_role_arn,
            "preview_role_arn": self.preview_role_arn,
            "permissions_boundary_arn": self.permissions_boundary_arn,
            "backend_url": self.backend_url,
            "secrets_provider": self.secrets_provider,
        }

    def _role(
        self,
        name: str,
        role_name: str,
        trust: pulumi.Output[str],
        statements: Sequence[Statement],
        tags: Mapping[str, str],
    ) -> pulumi.Output[str]:
        child = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(name, name=role_name, assume_role_policy=trust, tags=tags, opts=child)
        aws.iam.RolePolicy(
            f"{name}-policy", name="Stack", role=role.name, policy=policy_document(*statements), opts=child
        )
        return role.arn


def _trust(provider_arn: pulumi.Input[str], subjects: Sequence[str]) -> pulumi.Output[str]:
    return policy_document(
        Statement(
            sid="GitHub",
            principal={"Federated": provider_arn},
            actions=["sts:AssumeRoleWithWebIdentity"],
            condition={"StringEquals": {f"{ISSUER}:aud": AUDIENCE, f"{ISSUER}:sub": subjects}},
        )
    )
