"""`cost`: the sum and its items."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ops.cli import cli
from ops.planning import prices as price_list
from ops.planning.cost import FREE_SETTINGS, load_settings
from ops.planning.estimate import HOURS, Line, Load, estimate, estimate_original, variants
from stack.prices import Prices
from stack.project import read_project
from stack.settings import CapacitySettings, ExistingStream, Settings

EXISTING = ExistingStream(
    arn="arn:aws:kinesis:us-east-1:123456789012:stream/orders-in",
    stream_name="orders-in",
    account="123456789012",
    key_arn=None,
)


@pytest.fixture
def prices() -> Prices:
    return price_list.load()


@pytest.fixture
def dev() -> Settings:
    return load_settings("dev")


def lines(settings: Settings, prices: Prices, rate: float = 100, size: int = 500) -> dict[str, Line]:
    return {line.name: line for line in estimate(settings, Load(rate, size), prices)}


def cost(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["cost", *arguments], env={"COLUMNS": "80"})


def as_json(*arguments: str) -> Any:
    return json.loads(cost(*arguments, "--json").stdout)


def test_settings_are_the_stack_file_over_the_defaults() -> None:
    prod, dev = load_settings("prod"), load_settings("dev")
    assert (prod.stream.shards, prod.function.memory) == (None, 512)
    assert (dev.stream.shards, dev.function.memory) == (1, 256)
    assert prod.mapping.batch_size == dev.mapping.batch_size == 500


def test_a_provisioned_stream_costs_its_shards_and_puts(dev: Settings, prices: Prices) -> None:
    of = lines(dev, prices)
    assert of["Shards"].dollars == pytest.approx(730 * 0.015)
    assert of["Puts"].dollars == pytest.approx(100 * 3600 * 730 / 1e6 * 0.014)
    two = dataclasses.replace(dev, stream=dataclasses.replace(dev.stream, shards=2))
    assert lines(two, prices)["Shards"].dollars == pytest.approx(2 * 730 * 0.015)


def test_an_on_demand_stream_costs_its_data_rounded_up_to_a_kilobyte(dev: Settings, prices: Prices) -> None:
    on_demand = dataclasses.replace(dev, stream=dataclasses.replace(dev.stream, shards=None))
    of = lines(on_demand, prices, rate=100, size=500)
    assert "Shards" not in of
    assert of["Stream"].dollars == pytest.approx(730 * 0.04)
    assert of["Data in"].dollars == pytest.approx(100 * 3600 * 730 * 1024 / 1024**3 * 0.08)
    assert of["Data out"].dollars == pytest.approx(100 * 3600 * 730 * 500 / 1024**3 * 0.04)


def test_on_demand_advantage_has_no_price_per_stream_but_a_minimum_of_data(
    dev: Settings, prices: Prices
) -> None:
    warm = dataclasses.replace(dev, stream=dataclasses.replace(dev.stream, shards=None, warm_mib=30))
    minimum = 25 * 3600 * 730 / 1024  # 25 MiB/s in GB
    of = lines(warm, prices, rate=100, size=500)
    assert "Stream" not in of
    assert of["Data in"].dollars == pytest.approx(minimum * 0.032)
    assert of["Data out"].dollars == pytest.approx(minimum * 0.016)
    of = lines(warm, prices, rate=50_000, size=1024)
    assert of["Data in"].quantity == of["Data out"].quantity == pytest.approx(50_000 * 3600 * 730 / 1024**2)


def test_a_load_above_the_ceiling_of_the_table_is_reported(
    dev: Settings, prices: Prices, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited = dataclasses.replace(dev, table=dataclasses.replace(dev.table, max_writes=50))
    monkeypatch.setattr("ops.planning.cost.load_settings", lambda _stack: limited)
    assert "pulumi config set tableMaxWrites 150" in as_json("--rate", "100")["remarks"][0]
    assert not any("tableMaxWrites" in remark for remark in as_json("--rate", "50")["remarks"])


def test_a_write_unit_is_a_kilobyte(dev: Settings, prices: Prices) -> None:
    tweets = 100 * 3600 * 730
    assert lines(dev, prices, size=1024)["Writes"].quantity == tweets
    assert lines(dev, prices, size=1025)["Writes"].quantity == 2 * tweets


def test_invocations_follow_the_window_until_batches_are_full(dev: Settings, prices: Prices) -> None:
    def invocations_a_second(rate: float, **mapping: Any) -> float:
        settings = dataclasses.replace(dev, mapping=dataclasses.replace(dev.mapping, **mapping))
        return lines(settings, prices, rate=rate)["Invocations"].quantity / (HOURS * 3600)

    assert invocations_a_second(0.1) == pytest.approx(0.1)  # one for each tweet
    assert invocations_a_second(100, batching_window=1) == pytest.approx(1)
    assert invocations_a_second(100, batching_window=4) == pytest.approx(1 / 4)
    assert invocations_a_second(1000, batch_size=500, batching_window=1) == pytest.approx(2)
    assert invocations_a_second(100, parallelization_factor=10) == pytest.approx(10)


def test_a_lifetime_bounds_the_storage(dev: Settings, prices: Prices) -> None:
    a_day = dataclasses.replace(dev, table=dataclasses.replace(dev.table, item_lifetime_days=1))
    assert lines(a_day, prices)["Table storage"].quantity == pytest.approx(100 * 86_400 * 600 / 1024**3)
    assert lines(a_day, prices)["Table storage"].quantity < lines(dev, prices)["Table storage"].quantity


def test_a_feature_that_is_switched_off_is_not_charged(dev: Settings, prices: Prices) -> None:
    assert "Alarms" in lines(dev, prices)
    assert "Alarms" not in lines(dataclasses.replace(dev, alarms=False), prices)
    assert "Table backups" not in lines(dev, prices)


def test_the_original_design_is_provisioned_for_the_same_load(prices: Prices) -> None:
    of = {line.name: line for line in estimate_original(Load(100, 500), prices)}
    assert of["Invocations"].quantity == pytest.approx(100 * 3600 * 730 / 25)
    assert of["Write capacity"].dollars == pytest.approx(100 * 730 * 0.00065)
    assert of["Table storage"].quantity == pytest.approx(100 * 3600 * 730 * 600 / 1024**3)
    assert "Original: the original sample's design" in cost("--rate", "100").stdout


def test_provisioned_capacity_costs_well_under_half_of_on_demand_writes(
    dev: Settings, prices: Prices
) -> None:
    capacity = CapacitySettings(read=5, min_write=5, max_write=1000, utilization=70)
    scaled = dataclasses.replace(dev, table=dataclasses.replace(dev.table, capacity=capacity))
    load = Load(100, 700)
    on_demand, provisioned = (
        {line.name: line.dollars for line in estimate(settings, load, prices)} for settings in (dev, scaled)
    )
    assert provisioned["Write capacity"] == pytest.approx(100 / 0.7 * 730 * 0.00065)
    assert provisioned["Write capacity"] < 0.45 * on_demand["Writes"]
    assert sum(provisioned.values()) <= 145


def test_the_write_capacity_stays_within_its_limits(dev: Settings, prices: Prices) -> None:
    def units(rate: float) -> float:
        capacity = CapacitySettings(read=5, min_write=20, max_write=400, utilization=70)
        scaled = dataclasses.replace(dev, table=dataclasses.replace(dev.table, capacity=capacity))
        lines = {line.name: line for line in estimate(scaled, Load(rate, 700), prices)}
        return lines["Write capacity"].quantity / HOURS

    assert [units(1), units(70), units(10_000)] == pytest.approx([20, 100, 400])


def test_each_price_has_unit_source_and_date(prices: Prices) -> None:
    for price in prices.by_name.values():
        assert price.unit
        assert price.source in prices.sources
        assert len(price.noted) == len("2026-11-23")


def test_the_settings_that_change_an_item_are_the_projects(dev: Settings, prices: Prices) -> None:
    known = read_project()["config"]
    named = [name for line in lines(dev, prices).values() for name in line.settings.split(", ")]
    camel_case = {name for name in named if name.isalpha()}
    assert camel_case
    assert camel_case <= known.keys()


def test_the_sum_is_the_sum_of_the_lines_and_the_screen_says_the_same() -> None:
    data = as_json("--rate", "50", "--size", "700")
    assert data["total"] == pytest.approx(sum(line["dollars"] for line in data["lines"]), abs=0.01)
    screen = cost("--rate", "50", "--size", "700").stdout
    assert f"${data['total']:,.2f}" in screen
    assert "check them against" in " ".join(screen.split())
    assert max(map(len, screen.splitlines()[:20])) <= 80


def test_a_change_is_what_the_other_setting_really_costs(dev: Settings, prices: Prices) -> None:
    changes = {change["setting"]: change["dollars"] for change in as_json("--rate", "100")["changes"]}
    on_demand = dataclasses.replace(dev, stream=dataclasses.replace(dev.stream, shards=None))
    difference = sum(line.dollars for line in lines(on_demand, prices).values()) - sum(
        line.dollars for line in lines(dev, prices).values()
    )
    assert changes["streamMode on-demand"] == pytest.approx(difference, abs=0.01)


def test_a_load_beyond_the_shards_of_the_stack_is_reported() -> None:
    assert "needs 3 shards" in cost("--rate", "2500").stdout
    assert "needs 2 shards" in cost("--rate", "900", "--size", "1500").stdout


@pytest.mark.parametrize("option", ["--rate", "--size"])
@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e308", "0"])
def test_a_load_that_is_not_a_positive_number_is_wrong_usage(option: str, value: str) -> None:
    result = cost(option, value)
    assert result.exit_code == 2
    assert f"Invalid value for '{option}'" in result.stderr


def test_prices_of_another_region(tmp_path: Path) -> None:
    file = tmp_path / "prices.json"
    file.write_text('{"region": "eu-west-1", "prices": {"kinesis-shard": {"dollars": 100}}}')
    data = as_json("--prices", str(file))
    assert data["region"] == "eu-west-1"
    assert data["lines"][0]["dollars"] == 73_000


def config_error(tmp_path: Path, content: str) -> str:
    """Return the error about an invalid file of prices, without the file's name."""
    file = tmp_path / "prices.json"
    file.write_text(content)
    result = cost("--prices", str(file))
    assert result.exit_code == 2, result.output
    assert result.stderr.startswith(f"Error: {file}"), result.stderr
    return result.stderr.removeprefix(f"Error: {file}").rstrip()


def test_a_price_file_that_is_not_json(tmp_path: Path) -> None:
    assert config_error(tmp_path, "nonsense").startswith(" cannot be read as JSON")


@pytest.mark.parametrize(
    ("member", "allowed"),
    [
        ('"per": 10000', "one of 1, 1000, 1000000"),
        ('"per": 0', "one of 1, 1000, 1000000"),
        ('"dollars": "0.02"', "a number from 0 to 1,000,000"),
        ('"dollars": true', "a number from 0 to 1,000,000"),
        ('"dollars": null', "a number from 0 to 1,000,000"),
        ('"dollars": -1', "a number from 0 to 1,000,000"),
        ('"dollars": NaN', "a number from 0 to 1,000,000"),
        ('"dollars": Infinity', "a number from 0 to 1,000,000"),
        ('"source": "me"', "one of kinesis, lambda, dynamodb, cloudwatch, s3, xray, x"),
        ('"source": []', "text"),
        ('"noted": 2026', "text"),
    ],
)
def test_a_value_that_no_price_has(tmp_path: Path, member: str, allowed: str) -> None:
    name, value = member.replace('"', "", 2).split(": ")
    message = config_error(tmp_path, f'{{"prices": {{"kinesis-shard": {{{member}}}}}}}')
    assert message == f": prices: kinesis-shard: {name} is {value}, but must be {allowed}."


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", " is [], but must be an object with some of note, region, sources, prices, assumptions."),
        ('{"region": 5}', ": region is 5, but must be text."),
        ('{"prices": {"kinesis-shard": 5}}', ": prices: kinesis-shard is 5, but must be an object with"),
        (
            '{"prices": {"kinesis-shard": {"euros": 1}}}',
            ": prices: kinesis-shard: euros is not one of dollars, per,",
        ),
        (
            '{"prices": {"no-such-price": {"dollars": 1}}}',
            ": prices: no-such-price is not one of kinesis-shard,",
        ),
        ('{"assumptions": {"log-bytes": {"value": "5"}}}', ': log-bytes: value is "5", but must be a number'),
    ],
)
def test_a_form_that_the_prices_have_not(tmp_path: Path, content: str, message: str) -> None:
    assert message in config_error(tmp_path, content)


def test_prices_may_be_nothing(tmp_path: Path) -> None:
    file = tmp_path / "prices.json"
    file.write_text(json.dumps({"prices": {name: {"dollars": 0} for name in price_list.load().by_name}}))
    result = cost("--prices", str(file))
    assert result.exit_code == 0, result.output
    assert "$0.00" in result.stdout


def test_an_unknown_stack() -> None:
    result = cost("--stack", "nowhere")
    assert result.exit_code == 2
    assert "dev, local, prod" in result.stderr


SECRET = {"secure": "v1:kI7Fb3Vn9YdMOCsM:not-for-us"}


def cost_of_file(folder: Path, monkeypatch: pytest.MonkeyPatch, config: str) -> Result:
    monkeypatch.setattr("ops.planning.cost.PROJECT", folder)
    (folder / "Pulumi.shop.yaml").write_text(f"config:\n{config}")
    return cost("--stack", "shop")


def test_encrypted_values_that_cost_nothing_are_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dev: Settings, prices: Prices
) -> None:
    keys = [
        "aws:secretKey",
        "other:token",
        *sorted(FREE_SETTINGS - {"tags"}),
    ]
    config = "".join(f"  {key}: {json.dumps(SECRET)}\n" for key in keys)
    config += f"  tags: {json.dumps({'Team': SECRET})}\n"
    result = cost_of_file(tmp_path, monkeypatch, config)
    assert result.exit_code == 0, result.output
    assert lines(load_settings("shop"), prices) == lines(dev, prices)


def test_an_encrypted_value_that_the_estimate_needs_is_named_with_the_command_that_shows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = cost_of_file(tmp_path, monkeypatch, f"  streamShards: {json.dumps(SECRET)}\n")
    assert result.exit_code == 2
    assert "streamShards is encrypted" in result.stderr
    assert "pulumi config set streamShards VALUE --plaintext --stack shop" in " ".join(result.stderr.split())
    assert "not-for-us" not in result.output


def test_a_setting_that_is_said_to_cost_nothing_does_not_change_the_estimate(
    dev: Settings, prices: Prices
) -> None:
    arn = "arn:aws:kms:us-east-1:123456789012:key/0f7c2d2e-0000-4000-8000-000000000000"
    free: dict[str, Any] = {
        "alarm_email": "on-call@company.io",
        "kms_key_arn": arn,
        "kms_key_arn_previous": arn,
        "permissions_boundary_arn": "arn:aws:iam::123456789012:policy/boundary",
        "tags": {"Team": "data"},
    }
    assert {name.replace("_", "") for name in free} == {key.lower() for key in FREE_SETTINGS}
    assert lines(dataclasses.replace(dev, **free), prices) == lines(dev, prices)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("  protect: yes\n", "Fix: pulumi config set protect VALUE --stack shop"),
        ("  tags: {Since: 2026-11-28}\n", 'quote it, "2026-11-28"'),
        ("  - protect\n", "`config:` is not a map of settings"),
    ],
)
def test_a_stack_file_that_the_engine_would_reject_is_wrong_usage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: str, message: str
) -> None:
    result = cost_of_file(tmp_path, monkeypatch, config)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())


def test_of_a_stream_that_exists_only_the_reads_are_in_the_sum(dev: Settings, prices: Prices) -> None:
    own = {"Shards", "Puts", "Stream", "Data in", "Retention"}
    provisioned = dataclasses.replace(dev, existing_stream=EXISTING)
    assert not {*own, "Data out"} & lines(provisioned, prices).keys()
    week = dataclasses.replace(dev.stream, shards=None, retention_hours=168)
    on_demand = dataclasses.replace(provisioned, stream=week)
    assert not own & lines(on_demand, prices).keys()
    assert lines(on_demand, prices)["Data out"].dollars > 0
    names = [name for name, _ in variants(on_demand)]
    assert not [name for name in names if name.startswith("stream")]
