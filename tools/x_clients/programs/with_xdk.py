"""Prints what X's own SDK hands out of the filtered stream at a URL."""

import sys

from xdk import Client

from tools.x_clients.programs.output import show

client = Client(base_url=sys.argv[1], bearer_token="any")
for item in client.stream.posts(tweet_fields=["note_tweet", "public_metrics"]):
    show(item.data and item.data.text, item.model_dump(mode="json"))
