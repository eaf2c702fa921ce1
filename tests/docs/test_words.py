"""The words of the pages: the glossary is short and in order, and the pages written by hand use its words."""

import re
from pathlib import Path

import pytest

from stack.project import PROJECT
from tools.docs.pages import PAGES

GLOSSARY = PROJECT / "docs" / "glossary.md"
WRITTEN_BY_HAND = sorted(
    {*PROJECT.glob("*.md"), *PROJECT.glob("[!.]*/*.md")} - {path for path in PAGES if path.suffix == ".md"}
)
REPLACED = {
    "refuse": "throttled, rejected, denied or failed, by meaning",
    "sandbox": "execution environment",
    "processor time": "CPU time",
    "go on": "resume or continue",
    "goes on": "resumes or continues",
    "given up": "discarded",
    "rehears": "dry run",
    "alarms' topic": "alarm topic",
}
"""Words that the project no longer uses, each with the glossary's."""


def test_the_glossary_defines_at_most_forty_terms_each_once() -> None:
    terms = re.findall(r"^\| \*\*(.+?)\*\* \|", GLOSSARY.read_text(), re.MULTILINE)
    assert 30 <= len(terms) <= 40
    assert len(set(terms)) == len(terms)


@pytest.mark.parametrize("page", WRITTEN_BY_HAND, ids=lambda path: path.relative_to(PROJECT).as_posix())
def test_a_page_uses_the_words_of_the_glossary(page: Path) -> None:
    # Code is a command, its output, or a key that stays as it is; a link's target is a name.
    prose = re.sub(r"```.*?```|`[^`]*`|\]\([^)]*\)", "", page.read_text(), flags=re.DOTALL).lower()
    assert {word: better for word, better in REPLACED.items() if word in prose} == {}
