"""The laboratory of the simulation's tests."""

import logging
from collections.abc import Iterator

import pytest

from tests.simulation.laboratory import laboratory as open_laboratory


@pytest.fixture(scope="module")
def laboratory() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    with open_laboratory():
        yield
    logging.disable(logging.NOTSET)
