"""`python -m delivery`."""

import sys

from stack.interrupts import heed_interrupts

try:
    heed_interrupts()
    import click
    from botocore.exceptions import BotoCoreError, ClientError

    from delivery.cli import main
    from stack.aws.causes import Cause, find_cause
    from stack.aws.messages import explain

    try:
        main(prog_name="python -m delivery")
    except (BotoCoreError, ClientError) as error:
        click.echo(f"Error: {explain(error)}", err=True)
        sys.exit(2 if find_cause(error) is Cause.CREDENTIALS else 1)
except KeyboardInterrupt:  # during start-up
    sys.exit(130)
