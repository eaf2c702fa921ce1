"""A resource as a policy sees it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A resource of a program, as the engine has it.

    Attributes:
        props: what the program says, for a policy of single resources; what AWS answered too, for a policy of
            the whole stack. Names are camelCase, numbers are floats. Access to a value that is not known before the
            update raises pulumi_policy's UnknownValueError, which the engine shows as a warning.
        protected: the resource option `protect`.
        sources: the URNs of the resources that a property's value comes from, by property.
    """

    urn: str
    type: str
    name: str
    props: Mapping[str, Any]
    protected: bool = False
    sources: Mapping[str, Collection[str]] = field(default_factory=dict)

    @property
    def stack(self) -> str:
        """Name of the stack."""
        return self.urn.partition("::")[0].rpartition(":")[2]

    def get(self, *path: str) -> Any:
        """Return the property at a path, or None if it or what it lies in is not set."""
        value: Any = self.props
        for name in path:
            value = value.get(name) if isinstance(value, Mapping) else None
        return value


def of_types(resources: Sequence[Resource], types: Collection[str]) -> Iterator[Resource]:
    """Yield the resources of some types."""
    return (resource for resource in resources if resource.type in types)


def companions(resources: Sequence[Resource], resource: Resource, type_: str, via: str) -> list[Resource]:
    """Return the resources of a type whose property `via` comes from a resource, as a bucket's policy does."""
    return [each for each in of_types(resources, {type_}) if resource.urn in each.sources.get(via, ())]
