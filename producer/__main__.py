"""`python -m producer`."""

import sys

try:
    from producer.cli import main

    main()
except KeyboardInterrupt:  # during start-up: nothing was read yet
    sys.exit(130)
