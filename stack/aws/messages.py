"""What `ops` and `delivery` say about a call that somebody makes with credentials of their own."""

from botocore.exceptions import BotoCoreError, ClientError

from stack.aws.causes import (
    Cause,
    CredentialsError,
    explain_clock,
    explain_encryption,
    explain_network,
    find_cause,
)
from stack.aws.credentials import explain_retrieval


def explain(error: BotoCoreError | ClientError) -> str:
    """Explain the error of a call, and what to do about it."""
    if isinstance(error, CredentialsError):
        return str(error)
    match find_cause(error):
        case Cause.NETWORK:
            return explain_network(error)
        case Cause.CLOCK:
            return explain_clock(error)
        case Cause.CREDENTIALS:
            return str(explain_retrieval(error, None))
        case Cause.KEY | Cause.SECRET:
            return f"{error}. The access key or its secret is wrong: sign in again, or set AWS_PROFILE."
        case Cause.DENIED:
            return f"{error}. Your own credentials need this permission: `aws sts get-caller-identity` names them."
        case Cause.ENCRYPTION if isinstance(error, ClientError):
            return explain_encryption(error, "the resource")
    return str(error)
