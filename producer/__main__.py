"""`python -m producer`."""

import sys

try:
    from producer.cli import main

    main()
except KeyboardInterrupt:  # while it starts: nothing was read yet
    sys.exit(130)
