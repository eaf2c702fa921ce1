"""`python -m delivery`."""

import sys

from botocore.exceptions import BotoCoreError, ClientError

from delivery.cli import main

if __name__ == "__main__":
    try:
        main(prog_name="python -m delivery")
    except (BotoCoreError, ClientError) as error:
        sys.exit(f"AWS: {error}")
