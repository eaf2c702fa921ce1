"""BatchWriteItem's errors, as DynamoDB was recorded to answer.

Sources: localstack/localstack, commit 8b9a79f, `tests/aws/services/dynamodb/test_dynamodb.snapshot.json`, recorded
on 8 October 2025; architect/dynalite, commit 060188e, `test/batchWriteItem.js`, whose author ran it against AWS.
`handler/table.py` tells a wrong table from a bad item by words of these messages. "does not match the schema"
and "validation error detected" are recorded; "Missing the key" and "Type mismatch for" are assumptions from
PutItem's messages in the same suite.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from handler import table as handler_table
from local.aws.local_aws import LocalAws
from tests.local.conftest import unique


@pytest.fixture
def table(aws: LocalAws) -> Iterator[str]:
    dynamodb, name = aws.client("dynamodb"), unique("table")
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[
            {"AttributeName": "Username", "KeyType": "HASH"},
            {"AttributeName": "Id", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "Username", "AttributeType": "S"},
            {"AttributeName": "Id", "AttributeType": "S"},
        ],
    )
    yield name
    dynamodb.delete_table(TableName=name)


def item(**attributes: Any) -> dict[str, Any]:
    return {"PutRequest": {"Item": {"Username": {"S": "mira"}, "Id": {"S": "1"}, **attributes}}}


def rejection(aws: LocalAws, table: str, requests: list[Any]) -> ClientError:
    client = aws.client("dynamodb", parameter_validation=False)
    with pytest.raises(ClientError) as raised:
        client.batch_write_item(RequestItems={table: requests})
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return raised.value


def test_an_item_without_the_tables_keys_does_not_match_the_schema(aws: LocalAws, table: str) -> None:
    """LocalStack's `test_batch_write_not_matching_schema`."""
    error = rejection(aws, table, [{"PutRequest": {"Item": {"Other": {"S": "key"}}}}])
    assert error.response["Error"]["Code"] == "ValidationException"
    assert error.response["Error"]["Message"] == "The provided key element does not match the schema"
    assert not handler_table._is_rejection(error)


def test_a_missing_table_is_not_found(aws: LocalAws) -> None:
    """LocalStack's `test_batch_write_not_existing_table`, and dynalite's case of 25 items."""
    error = rejection(aws, unique("missing"), [item()])
    assert error.response["Error"]["Code"] == "ResourceNotFoundException"
    assert error.response["Error"]["Message"] == "Requested resource not found"


def test_the_same_key_twice_is_a_duplicate(aws: LocalAws, table: str) -> None:
    """Dynalite: a put and a delete of one item, in both orders."""
    delete = {"DeleteRequest": {"Key": {"Username": {"S": "mira"}, "Id": {"S": "1"}}}}
    for requests in ([item(), delete], [delete, item()], [item(), item()]):
        error = rejection(aws, table, requests)
        assert error.response["Error"]["Message"] == "Provided list of item keys contains duplicates"


def test_more_than_25_items_fail_the_validation_of_the_call(aws: LocalAws, table: str) -> None:
    """Dynalite: 26 requests."""
    error = rejection(aws, table, [item(Id={"S": str(number)}) for number in range(26)])
    message = error.response["Error"]["Message"]
    assert message.startswith("1 validation error detected: Value ")
    assert "Member must have length less than or equal to 25" in message
    assert not handler_table._is_rejection(error)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"Message": {"S": "a", "N": "1"}}, "Supplied AttributeValue has more than one datatypes set"),
        ({"Message": {"N": "b"}}, "The parameter cannot be converted to a numeric value: b"),
        ({"Message": {"N": "9" * 39}}, "Attempting to store more than 38 significant digits in a Number"),
        ({"Message": {"N": "1e126"}}, "Number overflow. Attempting to store a number with magnitude larger"),
    ],
    ids=["two types", "not a number", "too many digits", "too large a number"],
)
def test_a_bad_value_rejects_the_item(
    aws: LocalAws, table: str, attributes: dict[str, Any], message: str
) -> None:
    """Dynalite, of the key attribute `a` there; the function counts each of these as an item's fault."""
    error = rejection(aws, table, [item(**attributes)])
    assert error.response["Error"]["Code"] == "ValidationException"
    assert error.response["Error"]["Message"].startswith(message)
    assert handler_table._is_rejection(error)


def test_a_successful_call_leaves_no_item_unprocessed(aws: LocalAws, table: str) -> None:
    """LocalStack's `test_batch_write_items`."""
    answer = aws.client("dynamodb").batch_write_item(RequestItems={table: [item()]})
    assert answer["UnprocessedItems"] == {}
    assert json.dumps(answer["ResponseMetadata"]["HTTPStatusCode"]) == "200"
