"""A mapping's filters drop records before the function, as on AWS, and change nothing of those that they deliver."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.aws.test_metrics import total
from tests.local.conftest import Pipeline
from tests.waiting import eventually

ENGLISH = '{"data": {"lang": ["en"]}}'


def criteria(*patterns: str) -> dict[str, Any]:
    return {"Filters": [{"Pattern": pattern} for pattern in patterns]}


def counted(pipeline: Pipeline, metric: str, uuid: str) -> float:
    return total(pipeline.aws, "AWS/Lambda", metric, "EventSourceMappingUUID", uuid)


def put_again(pipeline: Pipeline, payload: str) -> bool:
    """Put a record that may come before the mapping has noticed a change."""
    pipeline.put(payload)
    return True


def test_records_that_no_filter_matches_do_not_reach_the_function(pipeline: Pipeline) -> None:
    pipeline.map(FilterCriteria=criteria(ENGLISH, '{"data": {"n": [{"numeric": [">", 2]}]}}'))
    texts = [json.dumps({"lang": lang, "n": n}) for n in range(4) for lang in ("en", "de")]
    pipeline.put(*texts, "no JSON")
    expected = [text for text in texts if '"en"' in text or '"n": 3' in text]
    assert pipeline.receives(5) == expected


def test_polled_is_filtered_and_invoked(pipeline: Pipeline) -> None:
    uuid = pipeline.map(FilterCriteria=criteria(ENGLISH))
    pipeline.put('{"lang": "de"}', '{"lang": "en"}', "no JSON")
    eventually(lambda: counted(pipeline, "InvokedEventCount", uuid) == 1)
    eventually(lambda: counted(pipeline, "FilteredOutEventCount", uuid) == 2)
    assert counted(pipeline, "PolledEventCount", uuid) == 3
    (progress,) = [each for each in pipeline.aws.mappings() if each.uuid == uuid]
    assert progress.delivered == 3


def test_the_bytes_of_a_record_reach_the_function_as_they_were_put(pipeline: Pipeline) -> None:
    """LocalStack decodes the data to filter it, and passes on what it encodes again."""
    pipeline.map(FilterCriteria=criteria(ENGLISH))
    text = '{ "lang":"en",  "n": 1.0, "id": 1830000000000000123, "n": 2e0, "text": "\\u00e9 \u96e8" }\n'
    pipeline.put(text)
    assert pipeline.receives(1) == [text]


def test_filters_can_be_added_and_taken_back(pipeline: Pipeline) -> None:
    uuid = pipeline.map()
    pipeline.put("first")
    assert pipeline.receives(1) == ["first"]
    pipeline.function_api.update_event_source_mapping(UUID=uuid, FilterCriteria=criteria(ENGLISH))
    eventually(lambda: put_again(pipeline, "dropped") and counted(pipeline, "FilteredOutEventCount", uuid))
    pipeline.function_api.update_event_source_mapping(UUID=uuid, BatchSize=5)
    assert pipeline.function_api.get_event_source_mapping(UUID=uuid)["FilterCriteria"] == criteria(ENGLISH)
    pipeline.function_api.update_event_source_mapping(UUID=uuid, FilterCriteria={})
    eventually(lambda: put_again(pipeline, "last") and "last" in pipeline.received())


@pytest.mark.parametrize("pattern", ["{", '{"data": {"kind": "post"}}', "{}", '{"data": ["text"]}'])
def test_an_invalid_filter_is_rejected_in_the_words_of_aws(pipeline: Pipeline, pattern: str) -> None:
    with pytest.raises(ClientError, match=r"InvalidParameterValue.*Invalid filter pattern definition\.$"):
        pipeline.map(FilterCriteria=criteria(pattern))
    uuid = pipeline.map()
    with pytest.raises(ClientError, match=r"Invalid filter pattern definition\.$"):
        pipeline.function_api.update_event_source_mapping(UUID=uuid, FilterCriteria=criteria(pattern))


def test_a_filter_that_aws_would_misread_is_rejected_with_the_reason(pipeline: Pipeline) -> None:
    with pytest.raises(
        ClientError, match=r"Local AWS does not misread this filter as AWS would: lang: a record has"
    ):
        pipeline.map(FilterCriteria=criteria('{"lang": ["en"]}'))
