"""The name that release 1.0.0 had for `python -m local.pulumi.engine`; release 1.2.0 has it no longer."""

import sys

from local.pulumi.engine import main

if __name__ == "__main__":
    print(
        "python -m local.engine is python -m local.pulumi.engine now; 1.2.0 drops the old name.",
        file=sys.stderr,
    )
    sys.exit(main(sys.argv[1:]))
