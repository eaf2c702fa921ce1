"""The function's code: what it needs for one event type, and nothing else, so that it changes only when that does."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pulumi

from stack.project import PROJECT

CODE_FOLDERS = "event", "handler"


def function_code(event_type: str) -> pulumi.AssetArchive:
    """Return the modules of the code's folders, with one event type and the modules beside it that it imports."""
    types = PROJECT / "event" / "types"
    modules = {
        module
        for folder in CODE_FOLDERS
        for module in (PROJECT / folder).rglob("*.py")
        if module.parent != types
    }
    modules |= {types / "__init__.py", *_with_imports(types / f"{event_type}.py")}
    return pulumi.AssetArchive(
        {module.relative_to(PROJECT).as_posix(): pulumi.FileAsset(module) for module in sorted(modules)}
    )


def _with_imports(module: Path, found: frozenset[Path] = frozenset()) -> frozenset[Path]:
    """Return a module of an event type with those of the same folder that it needs."""
    found |= {module}
    for name in _imported(module):
        neighbour = module.with_name(f"{name}.py")
        if neighbour.is_file() and neighbour not in found:
            found |= _with_imports(neighbour, found)
    return found


def _imported(module: Path) -> Iterator[str]:
    """Yield the names of the modules of `event.types` that a module imports, wherever it does."""
    for node in ast.walk(ast.parse(module.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (
                alias.name.rpartition(".")[2] for alias in node.names if alias.name.startswith("event.types.")
            )
        elif isinstance(node, ast.ImportFrom) and node.module == "event.types":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("event.types."):
            yield node.module.rpartition(".")[2]
