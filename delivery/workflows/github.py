"""The parts of GitHub's REST API that the workflows and `delivery` use; the standard library only.

Workflows run this before anything is installed. `GITHUB_API_URL` and `GITHUB_TOKEN` are those of a workflow.
"""

import json
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

TIMEOUT = 30
"""Seconds to wait for an answer."""
AUTHOR = "github-actions[bot]"
"""Author of the comments that are written with a workflow's token."""
MAX_BODY = 65_536
"""Characters of a comment or of an issue's text."""
PAGE = 100
"""Items of a page, the maximum that GitHub allows."""
ADMIN_ROLE = 5
"""The role of a repository's administrators, as an actor of a ruleset."""


class GithubError(Exception):
    """GitHub rejected a request, or did not answer; the message says which and why."""


@dataclass(frozen=True)
class Repository:
    """A repository, by the API of which it is part."""

    name: str
    api: str
    token: str

    @classmethod
    def connect(cls, name: str) -> Self:
        """Use the API and the token of the environment.

        Raises:
            GithubError: there is no token.
        """
        token = os.environ.get("GITHUB_TOKEN")
        if not token:
            raise GithubError("GITHUB_TOKEN is not set: export GITHUB_TOKEN=$(gh auth token)")
        return cls(name, os.environ.get("GITHUB_API_URL", "https://api.github.com"), token)

    def upsert_comment(self, issue: int, marker: str, body: str) -> None:
        """Write the workflow's comment that begins with `marker`, a new one only if there is none."""
        body = body[:MAX_BODY]
        for page in range(1, 100):
            comments = self._call("GET", f"issues/{issue}/comments?per_page={PAGE}&page={page}")
            for comment in comments:
                # Either may be null: the text of an empty comment, the author whose account was deleted.
                author = comment["user"] or {}
                if author.get("login") == AUTHOR and (comment["body"] or "").startswith(marker):
                    self._call("PATCH", f"issues/comments/{comment['id']}", body=body)
                    return
            if len(comments) < PAGE:
                break
        self._call("POST", f"issues/{issue}/comments", body=body)

    def upsert_issue(self, title: str, label: str, body: str) -> None:
        """Open an issue of this title, or comment on the open one."""
        body = body[:MAX_BODY]
        query = urllib.parse.urlencode({"state": "open", "labels": label, "per_page": PAGE})
        for issue in self._call("GET", f"issues?{query}"):
            if issue["title"] == title:
                self._call("POST", f"issues/{issue['number']}/comments", body=body)
                return
        self._call("POST", "issues", title=title, labels=[label], body=body)

    def pull_requests(self, commit: str) -> list[dict[str, Any]]:
        """Return the pull requests that a commit came with."""
        found: list[dict[str, Any]] = self._call("GET", f"commits/{commit}/pulls?per_page={PAGE}")
        return found

    def user_id(self) -> int:
        """Return the id of the user whose token this is."""
        number: int = self._request("GET", f"{self.api}/user", None)["id"]
        return number

    def protect_environment(self, name: str, *, branch: str, reviewers: Sequence[int]) -> None:
        """Create or change an environment: jobs of one branch only, after one of the reviewers approved.

        An environment that has reviewers keeps them, and its other rules.
        """
        rules = {rule["type"]: rule for rule in self._environment(name).get("protection_rules", [])}
        required = rules.get("required_reviewers", {})
        present = [
            {"type": each["type"], "id": each["reviewer"]["id"]} for each in required.get("reviewers", [])
        ]
        self._call(
            "PUT",
            f"environments/{name}",
            reviewers=present or [{"type": "User", "id": each} for each in reviewers],
            **({"prevent_self_review": True} if required.get("prevent_self_review") else {}),
            **({"wait_timer": rules["wait_timer"]["wait_timer"]} if "wait_timer" in rules else {}),
            deployment_branch_policy={"protected_branches": False, "custom_branch_policies": True},
        )
        policies = self._call("GET", f"environments/{name}/deployment-branch-policies")["branch_policies"]
        for policy in policies:
            if policy["name"] != branch:
                self._call("DELETE", f"environments/{name}/deployment-branch-policies/{policy['id']}")
        if branch not in {policy["name"] for policy in policies}:
            self._call("POST", f"environments/{name}/deployment-branch-policies", name=branch, type="branch")

    def _environment(self, name: str) -> dict[str, Any]:
        """Return an environment, empty if there is none."""
        # The environments of a repository are few; asking for one that is missing would be an error.
        environments: list[dict[str, Any]] = self._call("GET", f"environments?per_page={PAGE}")[
            "environments"
        ]
        return next((each for each in environments if each["name"] == name), {})

    def protect_branch(self, branch: str, *, check: str) -> None:
        """Create or change the branch's ruleset: approved pull requests with a green check, no force push, no deletion.

        Administrators may merge a pull request regardless: alone in a repository, they would have nobody to approve it.
        """
        name = f"Protect {branch}"
        review = {
            "required_approving_review_count": 1,
            "dismiss_stale_reviews_on_push": True,
            "require_last_push_approval": True,
            "require_code_owner_review": False,
            "required_review_thread_resolution": False,
        }
        checks = {
            "required_status_checks": [{"context": check}],
            "strict_required_status_checks_policy": False,
        }
        ruleset = {
            "name": name,
            "target": "branch",
            "enforcement": "active",
            "bypass_actors": [
                {"actor_id": ADMIN_ROLE, "actor_type": "RepositoryRole", "bypass_mode": "pull_request"}
            ],
            "conditions": {"ref_name": {"include": [f"refs/heads/{branch}"], "exclude": []}},
            "rules": [
                {"type": "deletion"},
                {"type": "non_fast_forward"},
                {"type": "pull_request", "parameters": review},
                {"type": "required_status_checks", "parameters": checks},
            ],
        }
        rulesets = self._call("GET", f"rulesets?includes_parents=false&per_page={PAGE}")
        known = next((each["id"] for each in rulesets if each["name"] == name), None)
        if known is None:
            self._call("POST", "rulesets", **ruleset)
        else:
            self._call("PUT", f"rulesets/{known}", **ruleset)

    def requires_pull_requests(self, branch: str) -> bool:
        """Tell whether a ruleset, the repository's or its owner's, keeps pushes off a branch."""
        rules = self._call("GET", f"rules/branches/{urllib.parse.quote(branch, safe='')}?per_page={PAGE}")
        return any(rule["type"] == "pull_request" for rule in rules)

    def set_variable(self, name: str, value: str) -> None:
        """Create or change a variable of the repository."""
        names = {
            each["name"] for each in self._call("GET", f"actions/variables?per_page={PAGE // 4}")["variables"]
        }
        if name in names:
            self._call("PATCH", f"actions/variables/{name}", name=name, value=value)
        else:
            self._call("POST", "actions/variables", name=name, value=value)

    def _call(self, method: str, path: str, **body: Any) -> Any:
        return self._request(method, f"{self.api}/repos/{self.name}/{path}", body or None)

    def _request(self, method: str, url: str, body: Any) -> Any:
        request = urllib.request.Request(  # noqa: S310 # the API's own URL
            url,
            None if body is None else json.dumps(body).encode(),
            {
                "Accept": "application/vnd.github+json",
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/json",
                "X-GitHub-Api-Version": "2022-11-28",
            },
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
                content = answer.read()
        except urllib.error.HTTPError as error:
            with error:
                detail = error.read().decode(errors="replace")[:500]
            raise GithubError(f"GitHub rejected {method} {url}: {error.code} {detail}") from None
        except OSError as error:
            raise GithubError(f"GitHub did not answer {method} {url}: {error}") from None
        return json.loads(content) if content else None
