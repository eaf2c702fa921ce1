"""The configuration: what it accepts, and its errors."""

import json
import os
from pathlib import Path

import pytest

from producer.config import AWS_KEYS, KEYS, X_KEYS, Config, load, variable_name
from producer.errors import ConfigError

AWS = {key: f"the {key}" for key in AWS_KEYS}
X = {key: f"the {key}" for key in X_KEYS}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.json"


def config(path: Path, values: object, **environment: str) -> Config:
    path.write_text(values if isinstance(values, str) else json.dumps(values))
    path.chmod(0o600)
    return load(path, environment, pytest.fail)


def test_the_outputs_of_the_stack_are_a_valid_aws_half(path: Path) -> None:
    aws = config(path, {**AWS, "table_name": "dev-EventData", "dashboard_url": None}).aws()

    assert (aws.access_key, aws.secret_access_key, aws.region, aws.stream_name, aws.stream_arn) == tuple(
        AWS.values()
    )
    assert aws.endpoint is None


def test_the_event_type_of_a_configuration_that_names_none_is_that_of_release_1_0_0(path: Path) -> None:
    assert config(path, AWS).event_type == "tweet"
    assert config(path, AWS | {"event_type": "order"}).event_type == "order"
    assert (
        config(path, AWS | {"event_type": "order"}, PRODUCER_EVENT_TYPE="page_view").event_type == "page_view"
    )


def test_the_limit_of_a_record_is_the_streams_own(path: Path) -> None:
    assert config(path, AWS).max_record_bytes == 1024 * 1024
    assert config(path, AWS | {"max_record_kib": "10240"}).max_record_bytes == 10 * 1024 * 1024
    for value in ("1023", "10241", "2 MiB"):
        with pytest.raises(ConfigError) as raised:
            _ = config(path, AWS | {"max_record_kib": value}).max_record_bytes
        assert str(raised.value) == (
            f"`max_record_kib` in {path} is {value}, but a stream's limit is 1,024 to 10,240 KiB: run "
            "`python -m producer configure` to take it from the deployed stack."
        )


def test_the_x_half_has_four_keys(path: Path) -> None:
    x = config(path, X).x()

    assert (x.consumer_key, x.consumer_secret, x.access_token_key, x.access_token_secret) == tuple(X.values())
    assert x.bearer_token is None


def test_a_ready_bearer_token_replaces_the_four_keys(path: Path) -> None:
    assert config(path, {"bearer_token": "ready"}).x().bearer_token == "ready"


def test_the_environment_overrides_the_file(path: Path) -> None:
    loaded = config(
        path, AWS | X, PRODUCER_STREAM_NAME="other", PRODUCER_X_ENDPOINT="http://127.0.0.1:1", HOME="/"
    )

    assert (loaded.aws().stream_name, loaded.x_endpoint) == ("other", "http://127.0.0.1:1")
    assert loaded.overrides == ("stream_name", "x_endpoint")


def test_the_environment_is_enough_without_a_file(path: Path) -> None:
    environment = {variable_name(key): value for key, value in AWS.items()}

    assert load(path, environment, pytest.fail).aws().region == "the region"


@pytest.mark.parametrize("address", ["wss://one.example.com", "ws://127.0.0.1:8080/subscribe"])
def test_bluesky_may_be_read_from_another_server(path: Path, address: str) -> None:
    assert config(path, AWS, PRODUCER_BLUESKY_ENDPOINT=address).bluesky_endpoint == address
    assert config(path, AWS).bluesky_endpoint is None


@pytest.mark.parametrize(
    "address", ["one.example.com", "https://one.example.com", "wss://", "wss:///subscribe"]
)
def test_an_address_of_bluesky_that_is_no_websocket_is_named_with_an_example(
    path: Path, address: str
) -> None:
    with pytest.raises(
        ConfigError, match=f"`bluesky_endpoint` in .*config.json is `{address}`: .* such as wss://jet"
    ):
        _ = config(path, {"bluesky_endpoint": address}).bluesky_endpoint


@pytest.mark.parametrize("key", KEYS)
def test_an_error_about_a_variable_without_the_prefix_shows_its_name_and_not_its_value(
    path: Path, key: str
) -> None:
    with pytest.raises(ConfigError) as error:
        config(path, AWS, **{key: "the value"})

    assert f"unset {key}, or rename to PRODUCER_{key.upper()}" in str(error.value)
    assert "the value" not in str(error.value)


def test_a_variable_of_an_unknown_setting_is_named(path: Path) -> None:
    with pytest.raises(ConfigError, match=r"PRODUCER_REGOIN is not a setting .*PRODUCER_REGION"):
        config(path, AWS, PRODUCER_REGOIN="eu-west-1")


@pytest.mark.parametrize("key", [key for key in AWS_KEYS if key != "stream_arn"])
@pytest.mark.parametrize(("value", "state"), [(None, "missing"), ("", "empty"), (" ", "empty")])
def test_a_missing_value_of_the_stack_is_named_with_file_and_remedy(
    path: Path, key: str, value: str | None, state: str
) -> None:
    values = {**AWS, key: value} if value is not None else {k: v for k, v in AWS.items() if k != key}

    with pytest.raises(ConfigError) as error:
        config(path, values).aws()

    assert f"`{key}` is {state} in {path}" in str(error.value)
    assert "python -m producer configure" in str(error.value)


@pytest.mark.parametrize("key", X_KEYS)
def test_a_missing_value_of_x_is_named_with_the_page_that_shows_it(path: Path, key: str) -> None:
    with pytest.raises(ConfigError, match=f"`{key}` is missing in .*config.json: .*console.x.com"):
        config(path, {k: v for k, v in X.items() if k != key}).x()


def test_an_empty_environment_variable_is_an_empty_value(path: Path) -> None:
    with pytest.raises(ConfigError, match="`region` is empty in PRODUCER_REGION: "):
        config(path, AWS, PRODUCER_REGION="").aws()


def test_an_output_that_pulumi_kept_secret_names_the_option_that_shows_it(path: Path) -> None:
    with pytest.raises(ConfigError, match="--show-secrets"):
        config(path, AWS | {"secret_access_key": "[secret]"}).aws()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "must contain a JSON object"),
        ('{"region": 1}', "`region` .* must be a string"),
    ],
)
def test_a_file_that_is_not_a_json_object_is_an_error(path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config(
            path,
            text,
            PRODUCER_ACCESS_KEY="a",
            PRODUCER_SECRET_ACCESS_KEY="b",
            PRODUCER_STREAM_NAME="c",
        ).aws()


def test_a_secret_of_a_wrong_type_is_not_shown(path: Path) -> None:
    with pytest.raises(ConfigError, match=r"`secret_access_key` .* must be a string") as error:
        config(path, AWS | {"secret_access_key": 123_456}).aws()

    assert "123456" not in str(error.value)


def test_a_file_that_cannot_be_read_is_an_error(path: Path) -> None:
    path.mkdir()

    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load(path, {}, pytest.fail)


def test_a_file_that_others_can_read_is_restricted_to_its_owner_with_a_message(path: Path) -> None:
    path.write_text(json.dumps(AWS))
    path.chmod(0o644)
    messages: list[str] = []

    load(path, {}, messages.append)
    load(path, {}, messages.append)

    assert path.stat().st_mode & 0o777 == 0o600
    assert len(messages) == 1
    assert "0600" in messages[0]


def test_the_representation_of_the_configuration_shows_no_secret(path: Path) -> None:
    loaded = config(path, AWS | X | {"bearer_token": "the bearer"})

    shown = f"{loaded!r} {loaded.aws()!r} {loaded.x()!r}"

    for secret in (
        "secret_access_key",
        "consumer_secret",
        "access_token_key",
        "access_token_secret",
        "bearer",
    ):
        assert f"the {secret}" not in shown


def test_each_stream_has_a_directory_name_of_its_own(path: Path) -> None:
    names = {
        config(path, {**AWS, **other}).aws().spool_name
        for other in (
            {},
            {"region": "eu", "stream_arn": None},
            {"stream_arn": "s"},
            {"aws_endpoint": "http://127.0.0.1:1/"},
            {"aws_endpoint": "http://127.0.0.1:2/"},
        )
    }

    assert len(names) == 5
    assert not any(os.sep in name for name in names)


def test_the_name_of_the_spool_differs_by_account_and_not_by_key(path: Path) -> None:
    arn = "arn:aws:kinesis:eu-west-1:111111111111:stream/tweets"
    other = arn.replace("111111111111", "222222222222")
    one = config(path, AWS | {"stream_arn": arn}).aws()
    rotated = config(path, AWS | {"stream_arn": arn, "access_key": "AKIAROTATED"}).aws()
    elsewhere = config(path, AWS | {"stream_arn": other}).aws()
    assert one.spool_name == rotated.spool_name != elsewhere.spool_name
    assert "111111111111" in one.spool_name


def test_without_an_access_key_the_default_chain_applies(path: Path) -> None:
    aws = config(path, {"region": "eu-west-1", "stream_name": "tweets", "aws_profile": "work"}).aws()
    assert (aws.access_key, aws.secret_access_key, aws.profile) == (None, None, "work")


def test_half_an_access_key_is_an_error(path: Path) -> None:
    with pytest.raises(ConfigError, match="`secret_access_key` is missing"):
        config(path, {"region": "eu-west-1", "stream_name": "tweets", "access_key": "AKIA"}).aws()
