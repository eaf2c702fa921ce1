"""Lets other producers put the same 1,000 events on local AWS: `python -m tools.producers`, or `make producers`.

Each has a stack of its own: stream, mapping, function and table. First this project's producer leaves its rows, then
everybody else must leave the same ones. The exit code is 1 if a row is missing, too many, or different.
"""

import sys
from collections.abc import Sequence

import click

from local.errors import LocalError
from tools.install import InstallError, install
from tools.producers.catalog import PRODUCERS, REFERENCE
from tools.producers.run import Outcome, ProducerError, make_events, put

_EVENTS = 1000


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(sorted(PRODUCERS)))
def main(names: Sequence[str]) -> None:
    """Run the producers of others, or those that are named, and compare the rows that they leave.

    Example: python -m tools.producers kinesis-agg-pypi async-kinesis
    """
    producers = [PRODUCERS[name] for name in names or PRODUCERS]
    try:
        install(producer.installation for producer in producers if producer.installation)
        outcomes = {}
        events = make_events(_EVENTS)
        for producer in [REFERENCE, *producers]:
            click.echo(f"{producer.title} ...")
            outcomes[producer.title] = put(producer, events)
    except (InstallError, ProducerError, LocalError) as error:
        raise click.ClickException(str(error)) from error
    expected = outcomes[REFERENCE.title].rows
    faults = {title: outcome.find_fault(expected, _EVENTS) for title, outcome in outcomes.items()}
    _print_table(outcomes, faults)
    if any(faults.values()):
        sys.exit(1)


def _print_table(outcomes: dict[str, Outcome], faults: dict[str, str]) -> None:
    """Print the outcomes as a table of Markdown."""
    click.echo("\n| producer | records | aggregated | keys | received | stored | duplicates | rows |")
    click.echo("|---|---:|---:|---:|---:|---:|---:|---|")
    for title, outcome in outcomes.items():
        numbers = (
            *(outcome.records, outcome.aggregated, outcome.partition_keys),
            *(outcome.received, outcome.stored, outcome.duplicates),
        )
        cells = [title, *(f"{number:,}" for number in numbers)]
        click.echo(f"| {' | '.join(cells)} | {len(outcome.rows):,}, {faults[title] or 'the same'} |")


if __name__ == "__main__":
    main()
