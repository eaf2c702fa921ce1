"""Fails where nothing would protect the secrets of a stack.

    python -m ci.require_secrets --stack dev

An unset secret of GitHub is the empty string, and the CLI takes an empty passphrase: the state would then hold the
producer's secret all but in the clear. A stack is safe with a key service in its file (`bootstrap.setup stack` puts
it there), with PULUMI_CONFIG_PASSPHRASE, or with PULUMI_ACCESS_TOKEN for Pulumi's own backend.
"""

import argparse
import os
import re
import sys
from pathlib import Path

KEY_SERVICE = re.compile(
    r"^secretsprovider: *[\"']?(awskms|azurekeyvault|gcpkms|hashivault)://", re.MULTILINE
)


def main() -> int:
    """Check the stack's file and the environment."""
    parser = argparse.ArgumentParser(
        prog="python -m ci.require_secrets", description="Fail where nothing would protect a stack's secrets."
    )
    parser.add_argument("--stack", required=True)
    stack = parser.parse_args().stack
    file = Path(f"Pulumi.{stack}.yaml")
    if file.exists() and KEY_SERVICE.search(file.read_text()):
        return 0
    if any(os.environ.get(name) for name in ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_ACCESS_TOKEN")):
        return 0
    print(
        f"Nothing protects the secrets of the stack {stack}: PULUMI_CONFIG_PASSPHRASE and PULUMI_ACCESS_TOKEN are "
        f"empty, and {file} names no key. Run `python -m bootstrap.setup stack {stack}` and commit {file}, or set one "
        "of the two as a secret of the environment.",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
