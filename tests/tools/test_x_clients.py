"""`make x-clients` itself, on this project's producer: the libraries, which it downloads, run outside these tests."""

import pytest

from tools.x_clients.__main__ import observe
from tools.x_clients.catalog import CLIENTS
from tools.x_clients.scenarios import SCENARIOS

PRODUCER = CLIENTS[-1]
EXPECTED = {
    "post with a partial error of a type at api.twitter.com": "received",
    "post with the `public_metrics` that X documents": "received",
    "long post, `note_tweet`": "whole",
    "long post, `note_post`": "whole",
}


@pytest.mark.parametrize("title", EXPECTED)
def test_this_producer_makes_of_x_what_the_table_says(title: str) -> None:
    (scenario,) = [scenario for scenario in SCENARIOS if scenario.title == title]
    assert scenario.judge(observe(PRODUCER, scenario)) == EXPECTED[title]
