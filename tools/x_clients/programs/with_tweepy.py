"""Prints what tweepy hands out of the filtered stream at a URL."""

import sys

import tweepy

from tools.x_clients.programs.output import API, Loopback, show


class Printer(tweepy.StreamingClient):  # type: ignore[misc]  # the library has no types
    """A client as the documentation has it: a subclass with the methods that interest its user."""

    def on_response(self, response: tweepy.StreamResponse) -> None:
        """Print a post, its errors and what is included."""
        post = response.data
        show(post and post.text, [post and post.data, response.includes, response.errors])


client = Printer("any")
client.session.mount(API, Loopback(sys.argv[1]))
client.filter(tweet_fields=["note_tweet", "public_metrics"])
