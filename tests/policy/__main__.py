"""Checks what the programs register against the policies, without an engine and without an account: `make policy`."""

import sys
from collections.abc import Iterator

from policy.pack import POLICIES
from stack.project import PROJECT
from tests.infra.recorder import Deployed, deploy, deploy_bootstrap
from tests.policy.recorded import resources_of


def programs() -> Iterator[tuple[str, Deployed]]:
    """Yield what each committed stack registers, and the bootstrap program for the stacks that GitHub deploys."""
    for file in sorted(PROJECT.glob("Pulumi.*.yaml")):
        stack = file.name.split(".")[1]
        yield stack, deploy(stack)
    yield "delivery/bootstrap", deploy_bootstrap()


def check() -> int:
    """Print the violations of each program; return 1 if there are any."""
    broken = 0
    for program, deployed in programs():
        resources = resources_of(deployed)
        found = [
            (policy, resource, message)
            for policy in POLICIES
            for resource, message in policy.violations(resources)
        ]
        for policy, resource, message in found:
            print(f"{program}: {resource.name} breaks {policy.name}\n  {policy.promise}\n  {message}")
        if not found:
            print(f"{program}: {len(resources)} resources keep {len(POLICIES)} policies")
        broken += len(found)
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(check())
