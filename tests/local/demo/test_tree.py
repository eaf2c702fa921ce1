from typing import get_args, get_type_hints

import pytest
from rich.console import Console

from local.demo.tree import ResourceTree
from local.pulumi.deploy import Event

TYPE = "aws:kinesis/stream:Stream"
PARENT = "urn:pulumi:dev::project::stream-processing:infra:EventStream"


@pytest.mark.parametrize("phase", get_args(get_type_hints(Event)["phase"]))
def test_a_resource_is_drawn_in_every_phase(phase: str) -> None:
    tree, console = ResourceTree("dev"), Console(width=80)
    tree.show(Event(phase, TYPE, "stream", f"{PARENT}${TYPE}::stream", f"{PARENT}::stream"))  # type: ignore[arg-type]
    with console.capture() as capture:
        console.print(tree)
    (_, line) = capture.get().splitlines()
    (_, component, mark, kind) = line.split()
    assert (component, len(mark), kind) == ("EventStream", 1, "Stream")
