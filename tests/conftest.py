"""Settings of every test."""

import functools
import gc
import os
import signal
import sys
from collections.abc import Iterator

import botocore.session
import pytest
from hypothesis import HealthCheck, settings

from tests.forks import Forks

# An example that takes long is a sign of a busy machine, not of a defect.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

# By default, after 700 new objects, garbage is searched for 44 times in a run of the program: a tenth of its CPU time.
gc.set_threshold(20_000)

# Commands inherit what a script's background job or `nohup` ignores, and tests send them these signals.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


LIBRARIES = ("boto3", "click", "rich.console", "TwitterAPI", "websockets.sync.client")
"""What the producer and the operator's commands import, which is most of what their start costs."""


def pytest_xdist_auto_num_workers() -> int:
    """Return two workers more than cores: the tests spend about half of their time waiting for servers."""
    return (os.cpu_count() or 1) + 2


@pytest.fixture(scope="session", autouse=True)
def service_models() -> Iterator[None]:
    """Let all that run in this process share what boto3 has read of AWS's models, for speed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.session.create_loader", functools.cache(botocore.session.create_loader))
        yield


@pytest.fixture(scope="session")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    """The server of the processes that the tests of commands start."""
    with Forks(tmp_path_factory.mktemp("forks"), LIBRARIES) as server:
        yield server


@pytest.fixture
def ctrl_c_ignored() -> Iterator[None]:
    """Ignore SIGINT, as a shell lets a script's background jobs do; processes that a test starts inherit it."""
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGINT, handler)


@pytest.fixture
def many_thread_switches() -> Iterator[None]:
    """Let the interpreter switch threads a thousand times as often as it does by default."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    yield
    sys.setswitchinterval(interval)
