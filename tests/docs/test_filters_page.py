"""Every filter on the page about filters does what the page says."""

import base64
import re
import shlex

import pytest
import yaml

from producer.formats.tweets import TweetFormat
from producer.spooling.entry import StreamRecord
from stack.errors import SettingsError
from stack.filters.criteria import parse_criteria
from stack.filters.setting import advise_on_filters
from stack.project import PROJECT
from tests.event.types.test_tweet import SAMPLES
from tests.stack.test_settings import parse

TEXT = (PROJECT / "docs" / "filters.md").read_text()
ROWS = re.findall(r"^\| `(\{.+?)` \| `(.+?)` \| (yes|no)\b.*\|$", TEXT, re.MULTILINE)
OPERATORS = (
    *(
        "prefix",
        "suffix",
        "equals-ignore-case",
        "anything-but",
        "numeric",
        "exists",
        "wildcard",
        "cidr",
        "$or",
    ),
)


@pytest.mark.parametrize(("pattern", "data", "answer"), ROWS)
def test_a_record_matches_as_the_page_says(pattern: str, data: str, answer: str) -> None:
    encoded = base64.b64encode(data.encode()).decode()
    assert parse_criteria([pattern]).delivers({"partitionKey": "1", "data": encoded}) == (answer == "yes")


@pytest.mark.parametrize("operator", OPERATORS)
def test_the_page_has_two_examples_of_each_operator(operator: str) -> None:
    assert sum(f'"{operator}"' in pattern for pattern, _, _ in ROWS) >= 2


def test_the_commands_and_the_stack_file_set_the_same_filters_which_need_no_warning() -> None:
    commands = re.findall(r"^    (pulumi config set --path .+)$", TEXT, re.MULTILINE)
    by_command = [shlex.split(command)[-1] for command in commands]
    (block,) = re.findall(r"^    config:\n(?:    .+\n)+", TEXT, re.MULTILINE)
    assert yaml.safe_load(block)["config"] == {"mappingFilters": by_command}
    assert parse(mappingFilters=by_command).mapping.filters == by_command
    assert [*advise_on_filters(by_command, "tweet")] == []


def test_the_filters_let_as_many_of_the_sample_tweets_pass_as_the_page_says() -> None:
    (counts,) = re.findall(r"`(\d+) put, (\d+) received, (\d+) filtered`, and `replay` sends the same", TEXT)
    (block,) = re.findall(r"^    config:\n(?:    .+\n)+", TEXT, re.MULTILINE)
    criteria = parse_criteria(yaml.safe_load(block)["config"]["mappingFilters"])
    records = [
        {"partitionKey": each.partition_key, "data": base64.b64encode(each.data).decode()}
        for line in SAMPLES.read_bytes().splitlines()
        if isinstance(each := TweetFormat().decode(line).encode(), StreamRecord)
    ]
    passed = sum(map(criteria.delivers, records))
    assert tuple(map(int, counts)) == (len(records), passed, len(records) - passed)


def test_the_message_on_the_page_is_the_one_of_the_preview() -> None:
    with pytest.raises(SettingsError) as error:
        parse(mappingFilters=['{"data": {"kind": "post"}}'])
    assert f"    {str(error.value).splitlines()[0]}\n" in TEXT
