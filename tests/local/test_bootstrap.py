"""The bootstrap program on local AWS, without an engine."""

from pathlib import Path

from local.aws import LocalAws
from local.deploy import deploy

BOOTSTRAP = Path(__file__).resolve().parents[2] / "bootstrap"
HOST = "token.actions.githubusercontent.com"


def test_an_existing_github_provider_outlives_the_program(aws: LocalAws) -> None:
    iam = aws.client("iam")
    provider = iam.create_open_id_connect_provider(
        Url=f"https://{HOST}", ClientIDList=["https://github.com/octo", "sts.amazonaws.com"]
    )["OpenIDConnectProviderArn"]
    try:
        config = {
            "aws:region": "us-east-1",
            "stream-processing-bootstrap:repository": "octo/tweets",
            "stream-processing-bootstrap:githubProvider": "existing",
            "stream-processing-bootstrap:protect": False,
        }
        deployment = deploy("account", BOOTSTRAP, config, aws.endpoint)
        role = iam.get_role(RoleName="stream-processing-prod-deploy")["Role"]
        [statement] = role["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Principal"] == {"Federated": provider}
        deployment.destroy()
        kept = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=provider)
        assert kept["ClientIDList"] == ["https://github.com/octo", "sts.amazonaws.com"]
    finally:
        iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=provider)
