"""`configure`: writes the stack's outputs, read by a fake `pulumi`, to the file."""

import json
import stat
import sys
from pathlib import Path

import pytest

from producer.configure import configure
from producer.errors import ConfigError

OUTPUTS = {
    "access_key": "AKIAEXAMPLE",
    "secret_access_key": "the secret",
    "region": "eu-west-1",
    "stream_name": "dev-EventStream",
    "table_name": "dev-EventData",
}


@pytest.fixture
def pulumi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Create an executable that prints the outputs and records its arguments."""
    program = tmp_path / "bin" / "pulumi"
    program.parent.mkdir()
    program.write_text(
        f"""#!/bin/sh\necho "$@" > {program}.arguments\ncat <<'END'\n{json.dumps(OUTPUTS)}\nEND\n"""
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return program


def test_the_aws_half_is_written_and_the_rest_is_kept(tmp_path: Path, pulumi: Path) -> None:
    path, messages = tmp_path / "config.json", list[str]()
    path.write_text(json.dumps({"consumer_key": "mine", "region": "old"}))
    path.chmod(0o644)

    configure(path, "dev", messages.append)

    expected = {key: value for key, value in OUTPUTS.items() if key != "table_name"} | {
        "consumer_key": "mine"
    }
    assert json.loads(path.read_text()) == expected
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Path(f"{pulumi}.arguments").read_text().strip() == (
        "stack output --json --show-secrets --stack dev"
    )
    assert list(tmp_path.glob("config.json*")) == [path]
    assert "the secret" not in "".join(messages)
    assert "consumer_secret, access_token_key, access_token_secret" in messages[-1]


def test_the_event_type_is_taken_from_the_stack_and_no_key_of_x_is_asked_for(
    tmp_path: Path, pulumi: Path
) -> None:
    path, messages = tmp_path / "config.json", list[str]()
    outputs = json.dumps(OUTPUTS)
    pulumi.write_text(pulumi.read_text().replace(outputs, json.dumps(OUTPUTS | {"event_type": "order"})))

    configure(path, None, messages.append)
    assert json.loads(path.read_text())["event_type"] == "order"
    assert messages[1:] == ["The stack's event type is order: send such events with --source file."]

    pulumi.write_text(pulumi.read_text().replace('"order"', '"tweet"'))
    configure(path, None, messages.append)
    assert json.loads(path.read_text())["event_type"] == "tweet"
    assert "consumer_key" in messages[-1]

    pulumi.write_text(pulumi.read_text().replace(', "event_type": "tweet"', ""))  # as in release 1.0.0
    configure(path, None, messages.append)
    assert "event_type" not in json.loads(path.read_text())


def test_a_missing_file_is_created(tmp_path: Path, pulumi: Path) -> None:
    configure(tmp_path / "config.json", None, lambda _: None)

    assert json.loads((tmp_path / "config.json").read_text())["stream_name"] == "dev-EventStream"
    assert "--stack" not in Path(f"{pulumi}.arguments").read_text()


def test_an_endpoint_that_stays_is_reported(tmp_path: Path, pulumi: Path) -> None:
    path, messages = tmp_path / "config.json", list[str]()
    path.write_text(json.dumps({"aws_endpoint": "http://127.0.0.1:4566"}))

    configure(path, None, messages.append)

    assert any("aws_endpoint is still http://127.0.0.1:4566" in line for line in messages)


def test_a_stack_on_local_aws_brings_its_endpoint(tmp_path: Path, pulumi: Path) -> None:
    pulumi.write_text(
        pulumi.read_text().replace('"region"', '"aws_endpoint": "http://127.0.0.1:4566", "region"')
    )
    messages = list[str]()

    configure(tmp_path / "config.json", "local", messages.append)

    assert json.loads((tmp_path / "config.json").read_text())["aws_endpoint"] == "http://127.0.0.1:4566"
    assert not any("aws_endpoint" in line for line in messages)


def test_a_stack_that_is_not_deployed_is_reported(tmp_path: Path, pulumi: Path) -> None:
    pulumi.write_text("#!/bin/sh\necho '{}'\n")

    with pytest.raises(ConfigError, match=r"no output region, stream_name: .*pulumi up"):
        configure(tmp_path / "config.json", None, pytest.fail)


def test_an_error_of_pulumi_is_shown(tmp_path: Path, pulumi: Path) -> None:
    pulumi.write_text("#!/bin/sh\necho 'error: no stack named dev' >&2\nexit 255\n")

    with pytest.raises(ConfigError, match="failed: error: no stack named dev"):
        configure(tmp_path / "config.json", "dev", pytest.fail)


def test_a_missing_pulumi_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("stack.outputs.BUILT_CLI", tmp_path)

    with pytest.raises(ConfigError, match="`pulumi` is neither on PATH nor built by `make engine`"):
        configure(tmp_path / "config.json", None, pytest.fail)


def test_a_cli_that_was_built_here_is_used_with_its_own_backend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = tmp_path / "pulumi"
    built.write_text(
        f"#!{sys.executable}\nimport json, os\n"
        "print(json.dumps({'access_key': 'AKIA', 'secret_access_key': 'secret', 'region': 'eu-west-1',\n"
        "                  'stream_name': os.environ['PULUMI_BACKEND_URL'][-16:]}))\n"
    )
    built.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.setattr("stack.outputs.BUILT_CLI", tmp_path)
    configure(tmp_path / "config.json", "local", lambda _: None)
    assert json.loads((tmp_path / "config.json").read_text())["stream_name"] == "/.pulumi/backend"


@pytest.mark.parametrize(
    ("outputs", "identity"),
    [
        (
            {"producer_policy_arn": "arn:aws:iam::1:policy/dev-PutEvents"},
            "a role that has the policy arn:aws:iam::1:",
        ),
        (
            {"stream_arn": "arn:aws:kinesis:eu-west-1:1:stream/orders-in"},
            "an identity that may put records on arn:",
        ),
        ({}, "an identity that may put records on dev-EventStream"),
    ],
)
def test_a_stack_without_an_access_key_says_which_identity_the_producer_needs(
    tmp_path: Path, pulumi: Path, outputs: dict[str, str], identity: str
) -> None:
    keyless = {key: value for key, value in OUTPUTS.items() if "access_key" not in key} | outputs
    pulumi.write_text(pulumi.read_text().replace(json.dumps(OUTPUTS), json.dumps(keyless)))
    messages = list[str]()
    configure(tmp_path / "config.json", None, messages.append)
    assert f"The stack has no access key: run the producer with {identity}" in messages[1]
