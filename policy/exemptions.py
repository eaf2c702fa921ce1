"""What is exempt from a policy, and why.

An exemption that nothing needs any longer fails `tests/policy/test_exemptions.py`, so the list stays short.
"""

from dataclasses import dataclass

from policy.resource import Resource

ANY = frozenset[str]()


@dataclass(frozen=True, kw_only=True)
class Exemption:
    """An exemption from one policy, of all resources of some stacks, or of some resources by their logical names."""

    policy: str
    reason: str
    stacks: frozenset[str] = ANY
    resources: frozenset[str] = ANY

    def covers(self, policy: str, resource: Resource) -> bool:
        """Tell whether a resource need not keep a policy."""
        return (
            policy == self.policy
            and (self.stacks is ANY or resource.stack in self.stacks)
            and (self.resources is ANY or resource.name in self.resources)
        )


EXEMPTIONS = (
    Exemption(
        policy="protected-data",
        stacks=frozenset({"dev", "local"}),
        reason="Nobody needs the data of these stacks: `pulumi destroy` may delete it.",
    ),
    Exemption(
        policy="encryption-at-rest",
        resources=frozenset({"monitoring-topic"}),
        reason="CloudWatch cannot use the key that AWS manages, and the message of an alarm has no data of an event.",
    ),
)
