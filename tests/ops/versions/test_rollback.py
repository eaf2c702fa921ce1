"""`rollback` moves the alias, says how to keep it, and `status` reminds of it."""

import pytest

from ops.aws.default import stack_name
from tests.ops.stack import DeployedStack, tweet
from tests.ops.versions.conftest import live, publish
from tests.waiting import eventually


def version_check(stack: DeployedStack) -> dict[str, str]:
    """The line of `status` about the version."""
    (check,) = [each for each in stack.json("status")["checks"] if each["name"] == "Version"]
    return {name: check[name] for name in ("state", "text", "next")}


def test_the_version_before_is_live_at_once_by_an_operator_with_these_permissions_alone(
    versioned: DeployedStack,
) -> None:
    function = versioned.outputs["function_name"]
    keep = f"pulumi config set functionVersion 2 --stack {stack_name(function)}"
    assert version_check(versioned)["text"] == "3 is live, as `pulumi up` set it"
    needed = ("lambda:GetAlias", "lambda:ListVersionsByFunction", "lambda:UpdateAlias")
    with versioned.operator(*needed) as environment:
        declined = versioned.ops_as(environment, "rollback")
        assert declined.exit_code == 1
        assert "Live is version 3 of " in declined.stderr
        assert "Going to version 2 of " in declined.stderr
        assert "Settings that change with it: MemorySize 512 → 384." in declined.stderr
        assert live(versioned) == "3"

        result = versioned.ops_as(environment, "rollback", "--yes")
    assert result.stdout == (f"Version 2 of {function} is live; before it was 3.\nTo keep it: {keep}\n")
    assert live(versioned) == "2"
    check = version_check(versioned)
    remedy = check.pop("next")
    assert check == {
        "state": "warning",
        "text": "2 is live, but the last `pulumi up` set 3: it was rolled back",
    }
    assert remedy.startswith(f"`{keep}` keeps it; `python -m ops rollback --")
    assert remedy.endswith(" --to 3` takes it back")


def test_the_next_events_are_stored_by_the_version_that_is_live(versioned: DeployedStack, user: str) -> None:
    function = versioned.outputs["function_name"]
    versioned.lambda_.update_function_configuration(FunctionName=function, Handler="no.such.handler")
    publish(versioned, 640)
    versioned.put(tweet(user))
    versioned.quarantined(1)
    assert versioned.rows(user) == set()
    versioned.ops("rollback", "--yes")
    versioned.put(tweet(user, 2))
    eventually(lambda: versioned.rows(user) == {"2"})
    versioned.ops("quarantine", "redrive", "--reason", "discarded")
    eventually(lambda: versioned.rows(user) == {"1", "2"})


def test_a_version_is_chosen_by_its_number_and_the_way_back_ends_the_difference(
    versioned: DeployedStack,
) -> None:
    assert versioned.json("rollback", "--to", "1", "--yes") == {
        "function": versioned.outputs["function_name"],
        "from": 3,
        "to": 1,
        "keep": f"pulumi config set functionVersion 1 --stack {stack_name(versioned.outputs['function_name'])}",
    }
    again = versioned.ops("rollback", "--to", "1", "--yes")
    assert again.exit_code == 0
    assert "is live already.\nTo keep it: pulumi config set functionVersion 1 --stack " in again.stdout
    oldest = versioned.ops("rollback", "--yes")
    assert (oldest.exit_code, live(versioned)) == (1, "1")
    assert "No version is older than 1, which is live" in oldest.stderr
    back = versioned.ops("rollback", "--to", "3", "--yes")
    assert "To keep it" not in back.stdout
    assert version_check(versioned)["state"] == "ok"


def test_an_unknown_version_is_wrong_usage(versioned: DeployedStack) -> None:
    result = versioned.ops("rollback", "--to", "9", "--yes")
    assert result.exit_code == 2
    assert "There is no version 9, but 1, 2, 3." in result.stderr


@pytest.mark.parametrize("output", ["table_name", "quarantine_bucket"])
def test_a_version_that_writes_elsewhere_is_refused(versioned: DeployedStack, output: str) -> None:
    written = versioned.outputs[output]
    result = versioned.ops("rollback", "--yes", f"--{output.replace('_', '-')}", "another")
    assert result.exit_code == 1
    assert f"Version 2 writes to {written}, but the stack has another" in result.stderr
    assert live(versioned) == "3"
