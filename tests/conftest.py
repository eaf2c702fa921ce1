"""Settings of every test."""

import os


def pytest_xdist_auto_num_workers() -> int:
    """Return one worker more than cores: the tests spend about half of their time waiting for servers."""
    return (os.cpu_count() or 1) + 1
