"""The function's code: one event type, the machinery, and nothing that a new event type would change."""

from pathlib import Path

import pytest

from event.types import event_types
from infra import archive


@pytest.mark.parametrize("name", event_types())
def test_the_archive_has_one_event_type(name: str) -> None:
    files = archive.function_code(name).assets
    assert [file for file in files if file.startswith("event/types/")] == [
        "event/types/__init__.py",
        f"event/types/{name}.py",
    ]
    assert {"event/schema.py", "handler/app.py"} < set(files)
    assert all(file.endswith(".py") and file.split("/")[0] in ("event", "handler") for file in files)


@pytest.fixture
def types(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of event types of its own."""
    folder = tmp_path / "event" / "types"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    monkeypatch.setattr(archive, "PROJECT", tmp_path)
    return folder


@pytest.mark.parametrize(
    "line",
    ["from event.types._money import cents", "import event.types._money", "from event.types import _money"],
)
def test_what_an_event_type_imports_from_its_folder_comes_with_it(types: Path, line: str) -> None:
    (types / "invoice.py").write_text(f"import json\n{line}\n")
    (types / "_money.py").write_text("from event.types import _rounding\nfrom event.types import invoice\n")
    (types / "_rounding.py").touch()
    (types / "refund.py").touch()
    assert list(archive.function_code("invoice").assets) == [
        f"event/types/{name}.py" for name in ("__init__", "_money", "_rounding", "invoice")
    ]
