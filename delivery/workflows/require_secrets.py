"""Fails if nothing protects the secrets of a stack.

    python -m delivery.workflows.require_secrets --stack dev

An unset secret of GitHub is the empty string, and the CLI takes an empty passphrase: the state would then hold the
producer's secret practically in the clear. A stack is safe with a key service in its file (`delivery stack` puts
it there), with a passphrase, or with PULUMI_ACCESS_TOKEN for Pulumi's own backend, if its file names no passphrase.
"""

import argparse
import os
import re
import sys
from pathlib import Path

KEY_SERVICE = re.compile(
    r"^secretsprovider: *[\"']?(awskms|azurekeyvault|gcpkms|hashivault)://", re.MULTILINE
)
PASSPHRASE = re.compile(r"^(encryptionsalt:|secretsprovider: *[\"']?passphrase)", re.MULTILINE)


def main() -> int:
    """Check the stack's file and the environment."""
    parser = argparse.ArgumentParser(
        prog="python -m delivery.workflows.require_secrets",
        description="Fail if nothing protects a stack's secrets.",
    )
    parser.add_argument("--stack", required=True)
    stack = parser.parse_args().stack
    file = Path(f"Pulumi.{stack}.yaml")
    content = file.read_text() if file.exists() else ""
    with_token = os.environ.get("PULUMI_ACCESS_TOKEN") and not PASSPHRASE.search(content)
    if KEY_SERVICE.search(content) or passphrase() or with_token:
        return 0
    print(
        f"Nothing protects the secrets of the stack {stack}: {file} names no key, no PULUMI_ACCESS_TOKEN applies, "
        "and the passphrase that the CLI would read is empty or missing (PULUMI_CONFIG_PASSPHRASE, or if that is not "
        f"even set, PULUMI_CONFIG_PASSPHRASE_FILE). Run `python -m delivery stack {stack}` and commit {file}.",
        file=sys.stderr,
    )
    return 1


def passphrase() -> str:
    """Return the passphrase as the CLI reads it, empty if there is none.

    A variable that is set takes precedence over the file, even if it is empty (`readPassphrase` of the CLI's
    `secrets/passphrase`).
    """
    if (phrase := os.environ.get("PULUMI_CONFIG_PASSPHRASE")) is not None:
        return phrase
    try:
        return Path(os.environ.get("PULUMI_CONFIG_PASSPHRASE_FILE", "")).read_text(errors="replace").strip()
    except OSError:
        return ""


if __name__ == "__main__":
    sys.exit(main())
