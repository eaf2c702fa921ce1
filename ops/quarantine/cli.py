"""The group of the quarantine's commands."""

import click

from ops.quarantine.act import purge, redrive
from ops.quarantine.look import list_, show


@click.group(
    "quarantine",
    short_help="List, show, redrive and purge what could not be stored.",
    epilog="""\b
Examples:
  python -m ops quarantine list --reason not-json
  python -m ops quarantine show KEY
  python -m ops quarantine redrive --reason given-up --dry-run
  python -m ops quarantine purge --reason control-message
""",
)
def command() -> None:
    """Records that could not be stored, with their payload and the reason.

    The function puts a record here that can never be stored; Lambda puts a batch here that ran out of
    retries or age. They wait until they are redriven or purged, or until the bucket's lifetime ends.
    """


for each in (list_, show, redrive, purge):
    command.add_command(each)
