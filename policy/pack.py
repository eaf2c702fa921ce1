"""The policies of this project, each a promise with the function that finds what breaks it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from policy import access, data, encryption, identities
from policy.exemptions import EXEMPTIONS
from policy.resource import Resource


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A promise about single resources, checked before the engine creates or changes one.

    Attributes:
        name: the policy's name, in messages and in exemptions.
        promise: the sentence that holds for every resource; the engine prints it above each violation.
        check: yields what is wrong with a resource, and the fix.
    """

    name: str
    promise: str
    check: Callable[[Resource], Iterator[str]]

    def violations(self, resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
        """Yield the resources that break the promise and are not exempt, each with what is wrong and the fix."""
        for resource in resources:
            if not is_exempt(self.name, resource):
                yield from ((resource, message) for message in self.check(resource))


@dataclass(frozen=True, kw_only=True)
class StackPolicy:
    """A promise about resources that belong together, checked when the program has ended.

    The attributes are those of `Policy`; `check` yields the resource too.
    """

    name: str
    promise: str
    check: Callable[[Sequence[Resource]], Iterator[tuple[Resource, str]]]

    def violations(self, resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
        """Yield the resources that break the promise and are not exempt, each with what is wrong and the fix."""
        for resource, message in self.check(resources):
            if not is_exempt(self.name, resource):
                yield resource, message


def is_exempt(policy: str, resource: Resource) -> bool:
    """Tell whether a resource need not keep a policy."""
    return any(exemption.covers(policy, resource) for exemption in EXEMPTIONS)


POLICIES: Sequence[Policy | StackPolicy] = (
    Policy(
        name="encryption-at-rest",
        promise="What holds data is encrypted at rest.",
        check=encryption.encryption_at_rest,
    ),
    StackPolicy(
        name="tls-only",
        promise="Buckets, topics and queues accept requests over TLS only.",
        check=encryption.tls_only,
    ),
    Policy(
        name="no-public-access",
        promise="No policy, access list or URL is open to everybody.",
        check=access.no_public_access,
    ),
    StackPolicy(
        name="private-buckets",
        promise="A bucket cannot be made public.",
        check=access.private_buckets,
    ),
    Policy(
        name="no-wildcards",
        promise="An identity is allowed named actions, on ARNs wherever the actions have resources.",
        check=identities.no_wildcards,
    ),
    Policy(
        name="bounded-grants",
        promise="Whoever may create identities may do so only within a permissions boundary.",
        check=identities.bounded_grants,
    ),
    StackPolicy(
        name="permissions-boundary",
        promise="If one role or user of a stack has a permissions boundary, all have.",
        check=identities.permissions_boundary,
    ),
    Policy(
        name="protected-data",
        promise="What holds data is protected from deletion and replacement, or explicitly disposable.",
        check=data.protected_data,
    ),
    Policy(
        name="log-retention",
        promise="Logs expire.",
        check=data.log_retention,
    ),
    StackPolicy(
        name="retention-above-record-age",
        promise="A record that keeps failing is quarantined before the stream drops it.",
        check=data.retention_above_record_age,
    ),
)
