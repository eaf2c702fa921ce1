#!/usr/bin/env bash
# tweepy 4.17.0: a post that matches a rule without a tag ends the filtered stream.
#
# Each of an item's `matching_rules` has an `id` and may have a `tag` (X's OpenAPI document,
# FilteredStreamingTweetResponse; so in the models of X's own SDK, xdk 0.10.6). StreamingClient reads the tag as if it
# were always there: `on_tweet` is called, `on_matching_rules` and `on_response` are not, the KeyError goes to
# `on_exception`, and the client disconnects for good. The posts after it are lost.
#
# Output seen:
#   tweet 1
#   response 1 ['cats']
#   tweet 2
#   exception KeyError('tag')
#   disconnect
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tweepy==4.17.0 requests==2.34.2 urllib3==2.8.0

seen=$("$folder/venv/bin/python" - <<'PYTHON'
import io
import json

import requests
import tweepy
import urllib3


class Stream(requests.adapters.BaseAdapter):
    def send(self, request, **options):
        lines = ""
        for i, rule in ((1, {"id": "7", "tag": "cats"}), (2, {"id": "8"}), (3, {"id": "7", "tag": "cats"})):
            post = {"id": str(i), "text": "text", "edit_history_tweet_ids": [str(i)]}
            lines += json.dumps({"data": post, "matching_rules": [rule]}) + "\r\n"
        response = requests.Response()
        response.status_code, response.request, response.url = 200, request, request.url
        response.raw = urllib3.HTTPResponse(io.BytesIO(lines.encode()), preload_content=False)
        return response

    def close(self):
        pass


class Client(tweepy.StreamingClient):
    def on_tweet(self, tweet):
        print("tweet", tweet.id)

    def on_response(self, response):
        print("response", response.data.id, [rule.tag for rule in response.matching_rules])

    def on_exception(self, exception):
        print("exception", repr(exception))

    def on_disconnect(self):
        print("disconnect")

    def on_closed(self, response):
        print("closed")
        self.disconnect()


client = Client("token")
client.session.mount("https://", Stream())
client.filter()
PYTHON
)
echo "$seen"
[ "$seen" = "tweet 1
response 1 ['cats']
tweet 2
exception KeyError('tag')
disconnect" ]
