"""The picture of the roles: who may do what, with the actions of the policies' own code."""

import asyncio
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from delivery.bootstrap.grants import stack_grants
from delivery.bootstrap.permissions import Account
from infra.processor import READ_STREAM
from infra.producer import PUT
from tools.docs.pictures.drawing import WIDTH, box, draw, paragraph, text

FUNCTION_ACTIONS: Final = (
    *READ_STREAM,
    "dynamodb:BatchWriteItem",
    "s3:PutObject",
    "s3:ListBucket",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
)
"""What the function's role may do without keys of one's own and tracing; a test compares."""

_TOP, _LEFT, _GAP = 16, 16, 12
_MAY, _MAY_NOT = 265, 560
_LETTERS = 38


@dataclass(frozen=True, slots=True)
class _Role:
    """An identity: who has it, what it may do, and what it may not."""

    name: str
    color: str
    whose: Sequence[str]
    may: Sequence[str]
    may_not: Sequence[str]

    @property
    def height(self) -> int:
        """Pixels of its row."""
        return 22 + 18 * max(len(self.whose) + 1, len(self.may), len(self.may_not))


def render() -> str:
    """Draw the roles below each other, those that deploy first."""
    y = _TOP + 18
    content = [
        text(_LEFT + 14, _TOP + 8, "who", bold=True),
        text(_MAY, _TOP + 8, "may", bold=True),
        text(_MAY_NOT, _TOP + 8, "may not", bold=True),
    ]
    loop = asyncio.new_event_loop()
    roles = loop.run_until_complete(_roles())
    loop.close()
    for role in roles:
        content += _draw(role, y)
        y += role.height + _GAP
    return draw("The roles, and what each may do", y + 4, content)


def _draw(role: _Role, y: int) -> Iterator[str]:
    yield box(_LEFT, y, WIDTH - 2 * _LEFT, role.height, role.color)
    yield text(_LEFT + 14, y + 24, role.name, size=15, color=role.color, bold=True)
    yield from paragraph(_LEFT + 14, y + 44, role.whose)
    yield from paragraph(_MAY, y + 24, role.may, color="#1f2328")
    yield from paragraph(_MAY_NOT, y + 24, role.may_not)


async def _roles() -> Sequence[_Role]:
    """Return the roles; the grants have outputs of Pulumi, which need a loop of events."""
    account = Account(partition="aws", region="us-east-1", id="123456789012")
    grants = stack_grants(
        account, "dev", "arn:aws:iam::123456789012:policy/stream-processing-dev-boundary", ()
    )
    reads = len({action for grant in grants for action in grant.reads})
    writes = len({action for grant in grants for action in grant.writes})
    return (
        _Role(
            "Preview role",
            "#0e7490",
            ("a job for a pull request (dev),", "or for main (prod)"),
            (f"read the stack: {reads} actions", "read its state, decrypt its secrets"),
            ("change anything", "read another stack's state"),
        ),
        _Role(
            "Deploy role",
            "#7c3aed",
            ("a job in the stack's environment:", "main only, for prod approved"),
            (
                f"change this stack: {writes} more actions,",
                "on its own ARNs",
                "create identities within the boundary",
            ),
            ("widen its own rights, or the boundary", "read another stack's secrets"),
        ),
        _Role(
            "Function's role",
            "#c2410c",
            ("Lambda, for this function",),
            _short(FUNCTION_ACTIONS),
            ("read rows", "touch another stream or table"),
        ),
        _Role(
            "Producer's user",
            "#1d4ed8",
            ("the key in producer/config.json,", "or a policy for your own role"),
            _short(PUT),
            ("read the stream or the table", "put on another stream"),
        ),
        _Role(
            "Operator",
            "#15803d",
            ("you, with your own credentials",),
            ("what you are granted: --help of each", "command names the actions it needs"),
            ("use the stack's own identities",),
        ),
        _Role(
            "Administrator",
            "#334155",
            ("of the account, once:", "python -m delivery account"),
            ("create the roles, the boundary,", "the state bucket and the keys"),
            ("(this project does not limit you)",),
        ),
    )


def _short(actions: Sequence[str]) -> Sequence[str]:
    """Return the actions in lines, those of a service together."""
    lines: list[str] = []
    for service in dict.fromkeys(action.partition(":")[0] for action in actions):
        names = [action.partition(":")[2] for action in actions if action.startswith(f"{service}:")]
        lines += textwrap.wrap(f"{service}: {', '.join(names)}", _LETTERS)
    return lines
