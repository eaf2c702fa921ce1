"""`python -m ops`."""

import sys

try:
    from ops.cli import main

    main()
except KeyboardInterrupt:  # during start-up
    sys.exit(130)
