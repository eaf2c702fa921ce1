"""Compares the stack's event filters with event-ruler, AWS's own matcher: `python -m tools.filters`, or `make filters`.

Both answer the cases, then patterns and documents made by chance. The exit code is 1 if an answer differs.
"""

import sys
from collections import Counter
from random import Random

import click

from stack.errors import FilterError, MisreadFilterError
from stack.filters.document import Object, parse
from stack.filters.pattern import parse_pattern
from tools.filters.cases import CASES
from tools.filters.questions import make_question
from tools.filters.ruler import INSTALLATION, VERSION, RulerError, ask
from tools.install import InstallError, install

_SHOWN = 10


def answer(pattern: str, document: str) -> str:
    """Answer as the stack's filters do: true, false, rejected, or misread where event-ruler is known to be wrong."""
    root = parse(document)
    assert isinstance(root, Object)
    try:
        return "true" if parse_pattern(pattern).matches(root) else "false"
    except MisreadFilterError:
        return "misread"
    except FilterError:
        return "rejected"


@click.command()
@click.option("--count", default=50_000, show_default=True, help="How many patterns and documents to make.")
@click.option(
    "--seed", default=1, show_default=True, help="Where chance begins; the same seed makes the same."
)
def main(count: int, seed: int) -> None:
    """Compare the answers, and show those that differ."""
    random = Random(seed)
    questions = [(case.pattern, case.data) for case in CASES]
    questions += [make_question(random) for _ in range(count)]
    try:
        install([INSTALLATION])
        answers = ask(questions)
    except (InstallError, RulerError) as error:
        raise click.ClickException(str(error)) from error
    ours = [answer(*question) for question in questions]
    differences = [
        f"event-ruler: {theirs}, here: {our}\n  {pattern}\n  {document}"
        for (pattern, document), theirs, our in zip(questions, answers, ours, strict=True)
        if our not in (theirs, "misread")
    ]
    click.echo("\n".join(differences[:_SHOWN]), nl=bool(differences))
    counts = Counter(answers)
    click.echo(
        f"event-ruler {VERSION}: {len(questions):,} questions, {counts['true']:,} matched, "
        f"{counts['rejected']:,} rejected, "
        f"{ours.count('misread'):,} known to be misread; {len(differences):,} different answers"
    )
    if differences:
        sys.exit(1)


if __name__ == "__main__":
    main()
