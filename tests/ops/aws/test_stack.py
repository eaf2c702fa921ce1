"""The commands find their stack, or end with an error that names the way out."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ops.aws import default
from ops.aws.stack import Stack
from ops.cli import cli
from stack.project import PROJECT

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
NO_CREDENTIALS = {
    **dict.fromkeys(["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_ENDPOINT_URL"]),
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/nonexistent",
    "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
}


def ops(*arguments: str, path: Path | None = None, env: dict[str, str | None] | None = None) -> Result:
    environment = {**CREDENTIALS, **(env or {})}
    if path:
        environment["PATH"] = f"{path}:/usr/bin:/bin"
    return CliRunner().invoke(cli, arguments, env=environment)


@pytest.fixture
def closed_port() -> str:
    """An address where nobody answers."""
    return "http://127.0.0.1:9"


def pulumi(folder: Path, script: str) -> Path:
    """A `pulumi` for the PATH, in place of the CLI."""
    command = folder / "pulumi"
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)
    return folder


def test_the_cli_is_asked_for_the_outputs_of_the_stack(tmp_path: Path, closed_port: str) -> None:
    outputs = json.dumps({"region": "us-east-1", "quarantine_bucket": "some-bucket"})
    folder = pulumi(tmp_path, f"echo \"$@\" > {tmp_path}/arguments; echo '{outputs}'")
    result = ops("quarantine", "list", "--stack", "prod", "--endpoint", closed_port, path=folder)
    assert (tmp_path / "arguments").read_text() == "stack output --json --stack prod\n"
    assert result.exit_code == 1
    assert "Could not connect to the endpoint" in result.stderr
    assert "For local AWS: check that it runs" in result.stderr


@pytest.mark.parametrize(
    "command", [["use"], ["quarantine", "list"], ["quarantine", "redrive", "--stack", "dev"]]
)
@pytest.mark.parametrize("variable", [False, True])
def test_an_endpoint_with_a_password_is_rejected_without_showing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str], variable: bool
) -> None:
    monkeypatch.setattr(default, "FILE", tmp_path / "default.json")
    endpoint = "http://ada:the+password@127.0.0.1:9"
    if variable and "--stack" not in command:
        result = ops(*command, env={"STREAM_OPS_ENDPOINT": endpoint})
    else:
        result = ops(*command, "--endpoint", endpoint)

    assert result.exit_code == 2
    assert "The endpoint holds a user name or a password" in result.stderr
    assert "the+password" not in result.output
    assert not default.FILE.exists()


def test_an_error_does_not_show_the_password_of_an_endpoint_in_the_environment() -> None:
    options = ["--region", "us-east-1", "--quarantine-bucket", "bucket"]

    result = ops(
        "quarantine", "list", *options, env={"AWS_ENDPOINT_URL": "http://ada:the+password@127.0.0.1:9"}
    )

    assert 'Could not connect to the endpoint URL: "http://127.0.0.1:9/' in result.stderr
    assert "the+password" not in result.stderr


def test_options_take_the_place_of_all_outputs(closed_port: str) -> None:
    options = ["--region", "us-east-1", "--quarantine-bucket", "bucket", "--endpoint", closed_port]
    assert "Could not connect" in ops("quarantine", "list", *options, path=Path("/nonexistent")).stderr


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo \"error: no stack named 'prod' found\" >&2; exit 255", "no stack named 'prod' found"),
        ("echo Welcome", "did not write JSON"),
        (
            'echo \'{"region": "us-east-1"}\'',
            "have no quarantine_bucket: deploy it with `pulumi up`, or give",
        ),
        ("echo '{}'", "have no "),
    ],
)
def test_outputs_that_the_cli_cannot_give_end_the_command_with_2_and_a_way_out(
    tmp_path: Path, script: str, message: str
) -> None:
    result = ops("quarantine", "list", "--stack", "prod", path=pulumi(tmp_path, script))
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_missing_cli_is_wrong_configuration_with_a_way_out(tmp_path: Path) -> None:
    result = ops("quarantine", "list", path=tmp_path)
    assert result.exit_code == 2
    assert "give --outputs FILE" in result.stderr


@pytest.mark.parametrize("content", ["not JSON", "[]", "\xff"])
def test_a_file_that_does_not_hold_outputs_is_named(tmp_path: Path, content: str) -> None:
    file = tmp_path / "outputs.json"
    file.write_bytes(content.encode("latin-1"))
    result = ops("quarantine", "list", "--outputs", str(file))
    assert result.exit_code == 2
    assert str(file) in result.stderr


def test_two_places_for_outputs_are_wrong_usage(tmp_path: Path) -> None:
    file = tmp_path / "outputs.json"
    file.write_text("{}")
    result = ops("status", "--outputs", str(file), "--stack", "dev")
    assert result.exit_code == 2


def test_missing_credentials_are_wrong_configuration_with_a_way_out(tmp_path: Path) -> None:
    options = ["--region", "us-east-1", "--quarantine-bucket", "bucket"]
    result = ops("quarantine", "list", *options, env=NO_CREDENTIALS)
    assert result.exit_code == 2
    assert "set AWS_PROFILE" in result.stderr


@pytest.fixture
def remembered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where `ops use` remembers a stack, in a folder of this test."""
    file = tmp_path / "state" / "default.json"
    monkeypatch.setattr(default, "FILE", file)
    return file


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    file = tmp_path / "outputs.json"
    file.write_text(json.dumps({"region": "us-east-1", "quarantine_bucket": "some-bucket"}))
    return file


def test_a_remembered_stack_is_used_and_named_by_commands_that_read(
    remembered: Path, outputs: Path, closed_port: str
) -> None:
    output = ops("use", "--outputs", str(outputs), "--endpoint", closed_port).stdout
    assert f"use {outputs}, local AWS at {closed_port} (from `python -m ops use`)" in output
    result = ops("quarantine", "list")
    assert result.stderr.startswith(f"{outputs}, local AWS at {closed_port} (from `python -m ops use`).\n")
    assert f'connect to the endpoint URL: "{closed_port}/some-bucket' in result.stderr
    ops("use", "--forget")
    assert not remembered.exists()
    assert "No stack is remembered" in ops("use").stdout


def test_the_environment_comes_before_what_is_remembered_and_an_option_before_both(
    remembered: Path, outputs: Path, closed_port: str
) -> None:
    ops("use", "--stack", "remembered")
    variables: dict[str, str | None] = {
        "STREAM_OPS_OUTPUTS": str(outputs),
        "STREAM_OPS_ENDPOINT": closed_port,
    }
    assert json.loads(ops("use", "--json", env=variables).stdout)["outputs"] == str(outputs)
    result = ops("quarantine", "list", env=variables)
    assert f"{outputs}, local AWS at {closed_port} (from the environment)." in result.stderr
    named = ops("quarantine", "list", "--outputs", str(outputs), env=NO_CREDENTIALS | variables)
    assert named.exit_code == 2
    assert named.stderr == (
        f"Error: STREAM_OPS_ENDPOINT is {closed_port}, but {outputs} is not there: unset STREAM_OPS_ENDPOINT, or give "
        f"--endpoint {closed_port}\n"
    )
    options = ["--region", "us-east-1", "--quarantine-bucket", "some-bucket", "--yes"]
    assert "STREAM_OPS_ENDPOINT is" in ops("quarantine", "purge", *options, env=variables).stderr


def test_outputs_of_local_aws_lead_there_with_its_test_credentials(tmp_path: Path, closed_port: str) -> None:
    file = tmp_path / "outputs.json"
    outputs = {
        "region": "us-east-1",
        "quarantine_bucket": "some-bucket",
        "function_name": "dev-DDBEventProcessor",
    }
    file.write_text(json.dumps(outputs | {"aws_endpoint": closed_port}))
    environments: list[dict[str, str | None]] = [{}, {"STREAM_OPS_ENDPOINT": closed_port}]
    for environment in environments:
        result = ops("quarantine", "redrive", "--outputs", str(file), env=NO_CREDENTIALS | environment)
        assert result.stderr.startswith(f"Stack dev, local AWS at {closed_port}.\n")
        assert f'connect to the endpoint URL: "{closed_port}/some-bucket' in result.stderr


def test_a_region_does_not_take_a_selected_local_stack_to_aws(tmp_path: Path, closed_port: str) -> None:
    outputs = {"function_name": "dev-DDBEventProcessor", "table_name": "table", "aws_endpoint": closed_port}
    result = ops("explore", "--region", "us-east-1", path=pulumi(tmp_path, f"echo '{json.dumps(outputs)}'"))
    assert result.exit_code == 2
    assert (
        f"stack dev, local AWS at {closed_port}: name it with --stack, or leave out --region."
        in result.stderr
    )


@pytest.mark.parametrize("address", ["http://192.0.2.1:4566", "http://ada:secret@127.0.0.1:9", "http://[::1"])
def test_outputs_may_not_lead_to_another_machine(tmp_path: Path, address: str) -> None:
    file = tmp_path / "outputs.json"
    file.write_text(
        json.dumps({"region": "us-east-1", "quarantine_bucket": "some-bucket", "aws_endpoint": address})
    )
    result = ops("quarantine", "list", "--outputs", str(file))
    assert result.exit_code == 2
    assert "The aws_endpoint in the outputs is no address of this machine" in result.stderr
    assert "secret" not in result.stderr


@pytest.mark.parametrize("command", [["quarantine", "redrive"], ["quarantine", "purge", "--yes"]])
def test_a_command_that_changes_something_requires_the_stacks_name(
    remembered: Path, outputs: Path, closed_port: str, command: list[str]
) -> None:
    ops("use", "--outputs", str(outputs), "--endpoint", closed_port)
    unnamed = ops(*command)
    assert unnamed.exit_code == 2
    assert "name it, with --stack NAME or --outputs FILE" in unnamed.stderr
    named = ops(*command, "--outputs", str(outputs), "--endpoint", closed_port)
    assert f"{outputs}, local AWS at {closed_port}." in named.stderr
    assert "Could not connect" in named.stderr


def test_a_remembered_file_that_is_missing_is_named_with_the_way_to_forget_it(
    remembered: Path, outputs: Path
) -> None:
    ops("use", "--outputs", str(outputs))
    outputs.unlink()
    result = ops("status")
    assert result.exit_code == 2
    assert "does not exist any more: `python -m ops use --forget`" in result.stderr
    result = ops("status", env={"STREAM_OPS_OUTPUTS": str(outputs)})
    assert result.exit_code == 2
    assert "does not exist any more: `unset STREAM_OPS_OUTPUTS`" in result.stderr


COMMANDS = (
    ["explore", "--table-name", "table"],
    ["explore", "--follow", "--table-name", "table", "--stream-name", "stream"],
    ["status", "--table-name", "table"],
    ["quarantine", "list", "--quarantine-bucket", "bucket"],
)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("endpoint", ["nonsense", "127.0.0.1:4566", "http://[::1", "http://127.0.0.1:99999"])
def test_an_endpoint_that_is_not_a_url_is_wrong_configuration(command: list[str], endpoint: str) -> None:
    result = ops(*command, "--region", "us-east-1", "--endpoint", endpoint)
    assert result.exit_code == 2
    assert "an endpoint like http://127.0.0.1:4566" in result.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_a_region_of_another_form_is_wrong_configuration(command: list[str]) -> None:
    result = ops(*command, "--region", "the moon")
    assert result.exit_code == 2
    assert "'the moon'" in result.stderr
    assert "A region is like us-east-1" in result.stderr


def test_a_profile_that_does_not_exist_is_wrong_configuration() -> None:
    result = ops(*COMMANDS[0], "--region", "us-east-1", env=NO_CREDENTIALS | {"AWS_PROFILE": "nobody"})
    assert result.exit_code == 2
    assert "no profile 'nobody'" in result.stderr


def installed(command: str, *arguments: str, **variables: str) -> str:
    """Run an installed command; return its standard output."""
    ended = subprocess.run(
        [Path(sys.executable).with_name(command), *arguments],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.stdout


@pytest.mark.parametrize("command", ["stream-ops", "twitter2kinesis"])
def test_an_installed_command_knows_its_version_and_completes_what_is_typed(command: str) -> None:
    version = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"]
    assert installed(command, "--version") == f"{command}, version {version}\n"
    variable = f"_{command.upper().replace('-', '_')}_COMPLETE"
    typed = {"COMP_WORDS": f"{command} --ver", "COMP_CWORD": "1"}
    assert installed(command, **{variable: "bash_complete"}, **typed) == "plain,--version\n"


@pytest.mark.parametrize(
    "command",
    [
        ["explore"],
        ["status"],
        ["quarantine", "list"],
        ["quarantine", "show"],
        ["quarantine", "redrive"],
        ["quarantine", "purge"],
        ["cost"],
        ["watch"],
        ["use"],
        ["size"],
    ],
)
def test_each_command_has_json_and_an_example(command: list[str]) -> None:
    help_text = ops(*command, "--help").stdout
    assert "--json" in help_text
    assert f"python -m ops {' '.join(command)}" in help_text


OUTPUTS = {
    "stream_name": "orders-in",
    "stream_arn": "arn:aws:kinesis:us-east-1:111122223333:stream/orders-in",
}


def test_a_stream_of_another_account_is_named_by_its_arn_unless_an_option_names_one() -> None:
    foreign = {**OUTPUTS, "stream_account": "111122223333"}
    assert Stack({}, lambda: OUTPUTS, None).stream == {"StreamName": "orders-in"}
    assert Stack({}, lambda: foreign, None).stream == {"StreamARN": OUTPUTS["stream_arn"]}
    assert Stack({"stream_name": "other"}, pytest.fail, None).stream == {"StreamName": "other"}
