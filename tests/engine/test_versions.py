"""Versions of the function under the real engine: published, live, rolled back, and never undone by `up`."""

from tests.engine.stack import Project

FUNCTION = "returning-DDBEventProcessor"


def test_up_fails_instead_of_undoing_a_rollback_until_the_setting_agrees_with_a_version_that_is_there(
    project: Project,
) -> None:
    functions = project.aws.client("lambda")

    def live() -> str:
        version: str = functions.get_alias(FunctionName=FUNCTION, Name="live")["FunctionVersion"]
        return version

    stack = project.stack("returning")
    stack.up()
    assert live() == "1"
    stack.configure(functionMemory=512)
    assert stack.up().done == {"update": {"processor-function", "processor-live"}}
    assert live() == "2"

    functions.update_alias(FunctionName=FUNCTION, Name="live", FunctionVersion="1")
    stack.configure(functionMemory=1024)
    for command in (
        ["preview"],
        ["up", "--yes", "--skip-preview"],
        ["up", "--yes", "--skip-preview", "--refresh"],
    ):
        refused = stack.run(*command, fails=True)
        assert f"Version 1 of {FUNCTION} is live, but the last pulumi up set version 2" in refused.text
        assert "pulumi config set functionVersion 1 --stack returning" in refused.text
        assert "unhandled exception" not in refused.text
        assert live() == "1"
    assert functions.get_function_configuration(FunctionName=FUNCTION)["MemorySize"] == 512

    stack.configure(functionVersion="1")
    assert stack.up().done == {"update": {"processor-function", "processor-live"}}
    assert live() == "1"

    functions.delete_function(FunctionName=FUNCTION, Qualifier="2")  # as `ops prune` does
    for missing in ("2", "4"):
        stack.configure(functionVersion=missing)
        for command in (["preview"], ["up", "--yes", "--skip-preview"]):
            refused = stack.run(*command, fails=True)
            assert f'functionVersion: "{missing}" is not a version of {FUNCTION}' in refused.text
            assert "Allowed: 3, 1, or nothing" in refused.text
            assert refused.done == {}
            assert live() == "1"

    stack.configure(functionVersion="")
    assert stack.up().done == {"update": {"processor-live"}}
    assert live() == "3"
    stack.up("--expect-no-changes")

    functions.update_alias(FunctionName=FUNCTION, Name="live", FunctionVersion="1")
    stack.destroy()
