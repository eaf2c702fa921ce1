"""Letters in a picture of a terminal stay in their cells."""

from xml.etree import ElementTree

import pytest
from rich.cells import cell_len
from rich.text import Text

from tools.docs.pictures.screen import CELL, draw_lines
from tools.docs.pictures.terminal import load_steps, render_demo

SVG = "{http://www.w3.org/2000/svg}"


def draw(line: str) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(element) for element in draw_lines([Text.from_ansi(line)])]  # noqa: S314


def test_wide_letters_have_a_place_of_two_cells_each() -> None:
    narrow, wide, rest = draw("a 水上 b")
    assert (narrow.get("x"), narrow.text) == ("0", "a")
    assert (wide.get("x"), wide.text) == (f"{2 * CELL} {4 * CELL}", "水上")
    assert (rest.get("x"), rest.text) == (str(7 * CELL), "b")


@pytest.mark.parametrize("words", ["đèn lồng", "→ ✔ …", "<b> & 'c'"])
def test_other_letters_are_as_wide_as_their_cells(words: str) -> None:
    (element,) = draw(words)
    assert element.text == words
    assert element.get("textLength") == str(cell_len(words) * CELL)


def test_blocks_are_rectangles_without_gaps() -> None:
    low, full = draw("▄▄██")
    assert [low.get("x"), low.get("width"), full.get("x"), full.get("width")] == ["0", "18", "18", "18"]
    assert float(full.get("height", 0)) == 2 * float(low.get("height", 0))


def test_the_picture_of_the_demo_has_every_step_and_stands_still_for_those_who_ask() -> None:
    picture = render_demo()
    root = ElementTree.fromstring(picture)  # noqa: S314
    words = {element.text for element in root.iter(f"{SVG}text")}
    *titles, _ = [step.lines[0].plain for step in load_steps()]
    assert {*titles, "All checks passed"} <= words
    assert {"Deploy the dev stack from __main__.py", "Destroy the stack"} <= {*titles}
    assert any(step.frames for step in load_steps())
    assert "@media (prefers-reduced-motion: reduce) { g { animation: none !important; } }" in picture
    assert "<script" not in picture
