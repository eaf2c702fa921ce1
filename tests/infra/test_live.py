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
    live = deploy(versions=["4", "5"], functionVersion=4).one("Alias").inputs
    assert (live["functionVersion"], live["description"]) == ("4", "Version 4, set by pulumi up")


@pytest.mark.parametrize(
    ("live", "setting"),
    [(alias("5"), ""), (alias("5"), "4"), (alias("4"), "4"), (alias("4", "changed by hand"), "4")],
    ids=["as deployed", "as deployed, and the setting changed", "rolled back and kept", "unknown and kept"],
)
def test_an_alias_that_nothing_moved_or_that_the_setting_agrees_with_is_set(
    live: dict[str, Any], setting: str
) -> None:
    assert deploy(live=live, versions=["4", "5"], functionVersion=setting).one("Alias")


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


@pytest.mark.parametrize("setting", [14, 2], ids=["not published yet", "pruned"])
def test_a_version_that_is_not_there_is_rejected_with_those_that_are(setting: int) -> None:
    with pytest.raises(pulumi.RunError) as failed:
        deploy("prod", live=alias("5"), versions=["1", *map(str, range(4, 14))], functionVersion=setting)
    assert str(failed.value) == (
        f'functionVersion: "{setting}" is not a version of prod-DDBEventProcessor.\n'
        "  Allowed: 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, or older ones that `python -m ops versions --stack prod` lists.\n"
        "  Fix: pulumi config rm functionVersion --stack prod"
    )


def test_the_versions_after_one_that_somebody_deleted_are_named() -> None:
    with pytest.raises(pulumi.RunError, match="Allowed: 5, 3, or nothing"):
        deploy(live=alias("5"), versions=["3", "5"], functionVersion=4)


@pytest.mark.parametrize(
    "versions", [[], ["$LATEST"]], ids=["no function yet", "a function of release 1.0.0"]
)
def test_a_version_is_rejected_before_the_first_one_is_published(versions: list[str]) -> None:
    with pytest.raises(pulumi.RunError) as failed:
        deploy(versions=versions, functionVersion=1)
    assert "Allowed: nothing, until the first pulumi up has published a version." in str(failed.value)


def test_a_version_that_is_live_is_not_looked_up() -> None:
    assert deploy(live=alias("4"), functionVersion=4).one("Alias")


def test_a_rollback_fails_the_program_before_the_function_changes() -> None:
    function = deploy().one("Function")
    assert deploy().one("LogGroup").urn in function.depends_on_by_input["loggingConfig"]
