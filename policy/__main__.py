"""Serves the policies to Pulumi's engine, which starts `pulumi-analyzer-stream-processing` for it."""

from pulumi_policy import (
    EnforcementLevel,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)

from policy.pack import POLICIES, Policy, StackPolicy
from policy.resource import Resource


def of_resources(policy: Policy) -> ResourceValidationPolicy:
    """Return a policy as the engine calls it for each resource, with the program's inputs."""

    def validate(args: ResourceValidationArgs, report_violation: ReportViolation) -> None:
        resource = Resource(
            urn=args.urn,
            type=args.resource_type,
            name=args.name,
            props=args.props,
            protected=args.opts.protect,
        )
        for _, message in policy.violations([resource]):
            report_violation(message, None)

    return ResourceValidationPolicy(policy.name, policy.promise, validate)


def of_stack(policy: StackPolicy) -> StackValidationPolicy:
    """Return a policy as the engine calls it once, with all resources and their outputs."""

    def validate(args: StackValidationArgs, report_violation: ReportViolation) -> None:
        resources = [
            Resource(
                urn=each.urn,
                type=each.resource_type,
                name=each.name,
                props=each.props,
                protected=each.opts.protect,
                sources={
                    name: {source.urn for source in sources}
                    for name, sources in each.property_dependencies.items()
                },
            )
            for each in args.resources
        ]
        for resource, message in policy.violations(resources):
            report_violation(message, resource.urn)

    return StackValidationPolicy(policy.name, policy.promise, validate)


PolicyPack(
    name="stream-processing",
    policies=[of_resources(each) if isinstance(each, Policy) else of_stack(each) for each in POLICIES],
    enforcement_level=EnforcementLevel.MANDATORY,
)
