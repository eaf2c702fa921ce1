"""The actions in the picture of the roles are those of the policies that the program deploys."""

from infra.producer import PUT
from tests.infra.recorder import deploy
from tools.docs.pictures.roles import FUNCTION_ACTIONS


def test_the_functions_role_and_the_producers_user_have_the_actions_that_are_drawn() -> None:
    deployed = deploy("dev")
    assert _actions(deployed.policy("processor-policy")) == {*FUNCTION_ACTIONS}
    assert _actions(deployed.policy("producer-policy")) == {*PUT}


def _actions(policy: dict[str, tuple[str, set[str], set[str]]]) -> set[str]:
    assert {effect for effect, _, _ in policy.values()} == {"Allow"}
    return {action for _, actions, _ in policy.values() for action in actions}
