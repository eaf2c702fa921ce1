"""`versions` lists what is published and what is live; `prune` deletes what is old and not in use."""

from ops.aws.default import stack_name
from tests.ops.stack import DeployedStack
from tests.ops.versions.conftest import live, publish


def test_the_versions_are_listed_newest_first_with_date_hash_and_what_is_live(
    versioned: DeployedStack,
) -> None:
    assert versioned.ops("rollback", "--yes").exit_code == 0
    shown = versioned.ops("versions")
    assert shown.exit_code == 0, shown.output
    heading, *lines = [line.split() for line in shown.stdout.splitlines()]
    assert heading == ["Version", "Published", "SHA-256", "of", "the", "code"]
    assert [line[0] for line in lines] == ["3", "2", "1"]
    assert [line[3:] for line in lines] == [["set", "by", "pulumi", "up"], ["live"], []]
    listed = versioned.json("versions")
    assert (listed["live"], listed["deployed"]) == (2, 3)
    assert [f"{each['published']} {each['sha256'][:12]}" for each in listed["versions"]] == [
        " ".join(line[1:3]) for line in lines
    ]


def test_a_stack_of_release_1_0_0_has_no_version_and_learns_how_it_gets_one(versioned: DeployedStack) -> None:
    function = versioned.outputs["function_name"]
    (mapping,) = versioned.lambda_.list_event_source_mappings(FunctionName=function)["EventSourceMappings"]
    versioned.lambda_.update_event_source_mapping(UUID=mapping["UUID"], FunctionName=function)
    versioned.lambda_.delete_alias(FunctionName=function, Name="live")
    for command in ("versions", "rollback", "prune"):
        result = versioned.ops(command)
        assert result.exit_code == 1
        assert "has no alias live" in result.stderr
        assert "`pulumi up` publishes the first one." in result.stderr
    (check,) = [each for each in versioned.json("status")["checks"] if each["name"] == "Version"]
    assert (check["state"], check["next"]) == ("warning", f"`pulumi up --stack {stack_name(function)}`")


def test_old_versions_are_pruned_but_never_one_that_an_alias_names(versioned: DeployedStack) -> None:
    function = versioned.outputs["function_name"]
    versioned.lambda_.create_alias(FunctionName=function, Name="mine", FunctionVersion="2")
    for memory in range(600, 612):
        publish(versioned, memory, deploys=False)
    versioned.lambda_.update_alias(FunctionName=function, Name="live", FunctionVersion="1")

    declined = versioned.ops("prune")
    assert declined.exit_code == 1
    assert f"Delete 3 versions of {function} (5, 4, 2)?" in declined.stderr
    assert versioned.json("prune", "--yes") == {"deleted": [5, 4], "kept": 13}
    kept = [each["version"] for each in versioned.json("versions")["versions"]]
    assert kept == [*range(15, 5, -1), 3, 2, 1]
    assert live(versioned) == "1"
    assert "Deleted 0 versions, kept 13." in versioned.ops("prune", "--yes").stdout


def test_pruning_needs_these_permissions_alone(versioned: DeployedStack) -> None:
    for memory in range(600, 609):
        publish(versioned, memory)
    actions = ("lambda:GetAlias", "lambda:ListVersionsByFunction", "lambda:DeleteFunction")
    with versioned.operator(*actions) as environment:
        result = versioned.ops_as(environment, "prune", "--yes")
    assert "Deleted 2 versions, kept 10." in result.stdout, result.output
