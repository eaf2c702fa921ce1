"""The description of the alias records the version that `pulumi up` set."""

import pytest

from stack.aws.live_alias import deployed_version, describe


def test_the_version_is_read_back_from_the_description() -> None:
    assert deployed_version(describe("41")) == "41"


@pytest.mark.parametrize(
    "description", ["", "by hand", "Version $LATEST, set by pulumi up", describe("41") + "."]
)
def test_a_description_that_somebody_changed_names_no_version(description: str) -> None:
    assert deployed_version(description) is None
