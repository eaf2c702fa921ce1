"""The function's versions: the alias that the mapping invokes, and the refusal to undo a rollback."""

from typing import Any

import pulumi
import pytest

from tests.infra.recorder import Deployed, deploy

DENIED = "AccessDeniedException: not authorized to perform: lambda:GetAlias"


def alias(version: str, description: str = "Version 5, set by pulumi up") -> dict[str, Any]:
    """What AWS has of the alias."""
    return {"functionVersion": version, "description": description}


def test_the_newest_version_is_live_and_the_mapping_invokes_it(dev: Deployed) -> None:
    live = dev.one("Alias").inputs
    assert live == {
        "name": "live",
        "description": "Version 7, set by pulumi up",
        "functionName": "dev-DDBEventProcessor",
        "functionVersion": "7",
    }
    assert dev.one("Function").urn in dev.one("Alias").depends_on
    assert dev.one("EventSourceMapping").inputs["functionName"] == dev.arn("processor-live")


def test_the_setting_chooses_another_version() -> None:
    live = deploy(functionVersion=4).one("Alias").inputs
    assert (live["functionVersion"], live["description"]) == ("4", "Version 4, set by pulumi up")


@pytest.mark.parametrize(
    ("live", "setting"),
    [(alias("5"), ""), (alias("5"), "4"), (alias("4"), "4"), (alias("4", "changed by hand"), "4")],
    ids=["as deployed", "as deployed, and the setting changed", "rolled back and kept", "unknown and kept"],
)
def test_an_alias_that_nothing_moved_or_that_the_setting_agrees_with_is_set(
    live: dict[str, Any], setting: str
) -> None:
    assert deploy(live=live, functionVersion=setting).one("Alias")


@pytest.mark.parametrize("setting", ["", "3"])
def test_a_rollback_is_not_undone(setting: str) -> None:
    with pytest.raises(pulumi.RunError) as failed:
        deploy("prod", live=alias("4"), functionVersion=setting)
    assert str(failed.value) == (
        "Version 4 of prod-DDBEventProcessor is live, but the last pulumi up set version 5: this pulumi up would undo "
        "that rollback.\n"
        "  Keep version 4: pulumi config set functionVersion 4 --stack prod\n"
        "  Or go back to version 5: python -m ops rollback --to 5 --stack prod"
    )


def test_an_alias_of_unknown_origin_is_left_alone() -> None:
    with pytest.raises(pulumi.RunError, match="the last pulumi up set another one: this") as failed:
        deploy(live=alias("4", "changed by hand"))
    assert "pulumi config set functionVersion 4 --stack dev" in str(failed.value)
    assert "rollback --to" not in str(failed.value)


def test_an_alias_that_may_not_be_read_is_left_alone() -> None:
    with pytest.raises(pulumi.RunError, match=f"must not undo a rollback: .*{DENIED}"):
        deploy(live=DENIED)


def test_a_rollback_fails_the_program_before_the_function_changes() -> None:
    function = deploy().one("Function")
    assert deploy().one("LogGroup").urn in function.depends_on_by_input["loggingConfig"]
