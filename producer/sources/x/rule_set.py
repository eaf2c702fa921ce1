"""The rules of one run on X: checked, created, told from others', and deleted at the end."""

from collections.abc import Callable, Collection, Sequence

from TwitterAPI import TwitterAPI

from event.payload import Json
from producer.errors import SourceError
from producer.sources.reconnect import Interrupted
from producer.sources.x import api as x_api
from producer.sources.x.rules import TAG, Rule, parse_list, plan_change


class RuleSet:
    """The rules that a run wants on X.

    Args:
        wanted: the rules' values; empty if those that are on X already shall select the posts.
        notify: called with messages for the user.
    """

    def __init__(self, wanted: Sequence[str], notify: Callable[[str], None]) -> None:
        self._wanted = wanted
        self._notify = notify
        self._wanted_ids: set[str] = set()  # whoever created the rules
        self._ours: set[str] = set()
        self._others_reported = False

    def matches(self, message: Json) -> bool:
        """Tell whether a rule that the run wants matches a post, as far as X names the rules."""
        matching = message.get("matching_rules")
        if not self._wanted or not isinstance(matching, list) or not matching:
            return True
        ids = (x_api.text(rule.get("id")) for rule in matching if isinstance(rule, dict))
        return any(identifier in self._wanted_ids for identifier in ids)

    def synchronise(self, api: TwitterAPI) -> None:
        """Create the wanted rules on X; without any, check that a rule exists.

        X checks all rules before it is asked to change one, so that a run with an invalid rule costs nothing.

        Raises:
            Interrupted: X could not be reached, or requires a later retry.
            SourceError: X rejects a rule, or no rule exists.
        """
        present = _list(api)
        if not self._wanted:
            if not present:
                raise SourceError("X has no rule that selects posts: give --track TERM or --rule EXPR.")
            return
        self._report_others(present)
        change = plan_change(present, self._wanted)
        add = {"add": [{"value": value, "tag": TAG} for value in change.add]}
        if change.add:
            _raise_rejected(x_api.send(api, "POST", x_api.RULES, query={"dry_run": "true"}, body=add))
        self._delete(api, change.delete)
        wanted = [rule for rule in present if rule.value in self._wanted]
        self._wanted_ids = {rule.id for rule in wanted}
        self._ours = {rule.id for rule in wanted if rule.tag == TAG}
        if change.add:
            answer = x_api.send(api, "POST", x_api.RULES, body=add)
            created = {rule.id for rule in parse_list(answer)}
            self._wanted_ids |= created
            self._ours |= created
            _raise_rejected(answer)
            duplicates = x_api.objects(answer, "errors")  # created by somebody since the rules were listed
            self._wanted_ids |= {x_api.text(error.get("id")) for error in duplicates}
            if len(created) + len(duplicates) < len(change.add):
                raise Interrupted("http", "X did not confirm the rules")

    def delete(self, api: TwitterAPI) -> None:
        """Delete the rules that are the run's own; report those that stay."""
        ours, self._ours = self._ours, set()
        try:
            self._delete(api, ours)
        except (Interrupted, SourceError) as error:
            self._notify(f"The rules stay on X until the next run: {error}")

    def _delete(self, api: TwitterAPI, ids: Collection[str]) -> None:
        if not ids:
            return
        answer = x_api.send(api, "POST", x_api.RULES, body={"delete": {"ids": sorted(ids)}})
        if not x_api.objects(answer, "errors"):
            return
        # It is no failure that somebody else has deleted a rule.
        if left := [rule.value for rule in _list(api) if rule.id in ids]:
            self._notify(
                f"X did not delete {len(left)} of this program's rules, such as `{left[0]}` "
                f"({x_api.describe(answer)}): X sends and bills their posts until a later run deletes them."
            )

    def _report_others(self, present: Sequence[Rule]) -> None:
        others = [rule.value for rule in present if rule.tag != TAG and rule.value not in self._wanted]
        if others and not self._others_reported:
            self._others_reported = True
            self._notify(
                f"X has other rules too ({len(others)}, such as `{others[0]}`): X also sends and bills their posts, "
                "which are counted as rejected."
            )


def _list(api: TwitterAPI) -> list[Rule]:
    return parse_list(x_api.send(api, "GET", x_api.RULES))


def _raise_rejected(answer: Json) -> None:
    """Raise the reasons for which X rejects rules; a rule that exists already is not one."""
    rejected = [error for error in x_api.objects(answer, "errors") if error.get("title") != "DuplicateRule"]
    if rejected:
        reasons = (
            f"`{x_api.text(error.get('value'))}`: {x_api.describe({**error, 'value': None, 'title': None})}"
            for error in rejected
        )
        raise SourceError(f"X rejects the rule {', and the rule '.join(reasons)}")
