"""The part of GitHub's REST API that `delivery/` uses, strict: any other request fails the test."""

import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from local.stubs.http import Request, Response

REPOSITORY = "octo/tweets"
TOKEN = "ghs_token"
USER_ID = 7
MAX_COMMENT = 65_536
Objects = list[dict[str, Any]]


@dataclass
class Github:
    """A repository; `requests` are the methods and paths that it was asked, in order."""

    comments: Objects = field(default_factory=list)
    labels: dict[str, list[str]] = field(default_factory=dict)
    """Commit -> labels of the pull request that it came with."""
    issues: Objects = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    environments: dict[str, Any] = field(default_factory=dict)
    branches: dict[str, list[str]] = field(default_factory=dict)
    rulesets: Objects = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    async def answer(self, request: Request) -> Response:
        """Answer a request."""
        self.requests.append(f"{request.method} {request.path}")
        if request.headers["authorization"] != f"Bearer {TOKEN}":
            return Response(401, b'{"message": "Bad credentials"}')
        path, query = urlsplit(request.path).path, parse_qs(urlsplit(request.path).query)
        body = json.loads(request.body) if request.body else {}
        if len(body.get("body", "")) > MAX_COMMENT:
            return Response(422, b'{"message": "body is too long (maximum is 65536 characters)"}')
        if "/rulesets" in path and body and (invalid := _invalid_ruleset(body)):
            return Response(422, json.dumps({"message": "Validation Failed", "errors": [invalid]}).encode())
        found = self._answer(request.method, path.removeprefix(f"/repos/{REPOSITORY}/"), query, body)
        return (
            Response(404, b'{"message": "Not Found"}')
            if found is None
            else Response(200, json.dumps(found).encode())
        )

    def _answer(  # noqa: C901 # a case for each request
        self, method: str, path: str, query: dict[str, list[str]], body: dict[str, Any]
    ) -> Any:
        match [method, *path.strip("/").split("/")]:
            case ["GET", "user"]:
                return {"id": USER_ID}
            case ["GET", "commits", commit, "pulls"]:
                named = [[{"name": name} for name in self.labels[commit]]] if commit in self.labels else []
                return [{"number": 5, "labels": labels} for labels in named]
            case ["GET", "issues", "5", "comments"]:
                size, page = int(query["per_page"][0]), int(query["page"][0])
                return self.comments[size * (page - 1) : size * page]
            case ["POST", "issues", "5", "comments"]:
                author = {"user": {"login": "github-actions[bot]"}}
                self.comments.append({"id": len(self.comments) + 100, **author, **body})
                return self.comments[-1]
            case ["PATCH", "issues", "comments", number]:
                [comment] = [each for each in self.comments if each["id"] == int(number)]
                comment |= body
                return comment
            case ["GET", "issues"]:
                label = query["labels"][0]
                return [
                    each for each in self.issues if label in each["labels"] and query["state"] == ["open"]
                ]
            case ["POST", "issues"]:
                self.issues.append({"number": len(self.issues) + 1, "comments": [], **body})
                return self.issues[-1]
            case ["POST", "issues", number, "comments"]:
                self.issues[int(number) - 1]["comments"].append(body["body"])
                return body
            case ["GET", "actions", "variables"]:
                return {"variables": [{"name": name} for name in self.variables]}
            case ["POST", "actions", "variables"] if body["name"] not in self.variables:
                self.variables[body["name"]] = body["value"]
                return {}
            case ["PATCH", "actions", "variables", name] if name in self.variables:
                self.variables[name] = body["value"]
                return {}
            case ["GET", "environments"]:
                return {"environments": [_environment(*each) for each in self.environments.items()]}
            case ["PUT", "environments", name]:
                self.environments[name] = body
                return {}
            case ["GET", "environments", name, "deployment-branch-policies"]:
                branches = self.branches.get(name, [])
                return {
                    "branch_policies": [{"id": number, "name": each} for number, each in enumerate(branches)]
                }
            case ["POST", "environments", name, "deployment-branch-policies"]:
                assert re.fullmatch("branch", body["type"])
                self.branches.setdefault(name, []).append(body["name"])
                return {}
            case ["DELETE", "environments", name, "deployment-branch-policies", number]:
                del self.branches[name][int(number)]
                return {}
            case ["GET", "rulesets"] if query["includes_parents"] == ["false"]:
                shown = ("id", "name", "target", "enforcement")  # no rules: those need a request of their own
                return [{name: each[name] for name in shown} for each in self.rulesets]
            case ["POST", "rulesets"] if body["name"] not in {each["name"] for each in self.rulesets}:
                self.rulesets.append({"id": len(self.rulesets) + 300, **body})
                return self.rulesets[-1]
            case ["PUT", "rulesets", number]:
                [ruleset] = [each for each in self.rulesets if each["id"] == int(number)]
                ruleset |= body
                return ruleset
            case ["GET", "rules", "branches", branch]:
                ref = f"refs/heads/{unquote(branch)}"
                return [
                    {"ruleset_id": each["id"], **rule}
                    for each in self.rulesets
                    if each["enforcement"] == "active" and ref in each["conditions"]["ref_name"]["include"]
                    for rule in each["rules"]
                ]
        return None


RULES: dict[str, dict[str, type]] = {
    "deletion": {},
    "non_fast_forward": {},
    "pull_request": {
        "dismiss_stale_reviews_on_push": bool,
        "require_code_owner_review": bool,
        "require_last_push_approval": bool,
        "required_approving_review_count": int,
        "required_review_thread_resolution": bool,
    },
    "required_status_checks": {
        "required_status_checks": list,
        "strict_required_status_checks_policy": bool,
    },
}
"""Rules, and the parameters that each must have ("Create a repository ruleset", REST API)."""
RULESET = {"name", "target", "enforcement", "bypass_actors", "conditions", "rules"}


def _invalid_ruleset(body: dict[str, Any]) -> str | None:
    """Return why GitHub would reject a ruleset, None if it would not."""
    if set(body) != RULESET or body["target"] != "branch" or body["enforcement"] != "active":
        return f"not a ruleset of branches: {body}"
    for rule in body["rules"]:
        parameters = rule.get("parameters", {})
        if {name: type(value) for name, value in parameters.items()} != RULES.get(rule["type"]):
            return f"Invalid rule: {rule}"
    for ref in body["conditions"]["ref_name"]["include"]:
        if not ref.startswith("refs/heads/"):
            return f"Invalid target pattern: {ref}"
    for actor in body["bypass_actors"]:
        if set(actor) != {"actor_id", "actor_type", "bypass_mode"}:
            return f"Invalid bypass actor: {actor}"
    return None


def _environment(name: str, settings: dict[str, Any]) -> dict[str, Any]:
    """An environment as GitHub describes what was set by a PUT ("Get an environment", REST API)."""
    rules: Objects = [{"type": "branch_policy"}]
    if settings["reviewers"]:
        reviewers = [
            {"type": each["type"], "reviewer": {"id": each["id"], "login": "somebody"}}
            for each in settings["reviewers"]
        ]
        prevent = settings.get("prevent_self_review", False)
        rules.append({"type": "required_reviewers", "prevent_self_review": prevent, "reviewers": reviewers})
    if settings.get("wait_timer"):
        rules.append({"type": "wait_timer", "wait_timer": settings["wait_timer"]})
    return {"name": name, "protection_rules": rules}
