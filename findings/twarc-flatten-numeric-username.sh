#!/usr/bin/env bash
# twarc 2.14.0: `flatten` names the wrong author where another included user's name is this author's number.
#
# A username is 1 to 15 letters, digits and underscores (X's OpenAPI document, UserName), so that it may be all digits,
# and so is every user id. `flatten` joins the users of `includes` by a single table whose keys are ids *and* usernames,
# the usernames last. A post's `author_id` that equals the name of another user in the same answer, e.g. of one whom the
# post mentions, is replaced by that other user. The documentation says that included objects are moved inline "with the
# tweets they are referenced from".
#
# Output seen: author_id 12: id 99, name Bob
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check twarc==2.14.0

seen=$("$folder/venv/bin/python" - <<'PYTHON'
from twarc.expansions import flatten

mention = {"start": 0, "end": 3, "username": "12", "id": "99"}
(tweet,) = flatten(
    {
        "data": {"id": "1", "text": "@12 hello", "author_id": "12", "entities": {"mentions": [mention]}},
        "includes": {
            "users": [
                {"id": "12", "username": "alice", "name": "Alice"},
                {"id": "99", "username": "12", "name": "Bob"},
            ]
        },
    }
)
print(f"author_id {tweet['author_id']}: id {tweet['author']['id']}, name {tweet['author']['name']}")
PYTHON
)
echo "$seen"
[ "$seen" = "author_id 12: id 99, name Bob" ]
