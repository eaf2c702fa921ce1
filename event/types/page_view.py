"""Views of a web site's pages: keyed by visitor and time, kept as long as the setting says."""

from typing import Final

from event.schema import Attribute, Schema, Type

EVENT: Final = Schema(
    noun="page view",
    partition_key=Attribute("Visitor", member="visitor"),
    sort_key=Attribute("SeenAt", Type.TIME, member="time"),
    attributes=(
        Attribute("Path", member="page.path"),
        Attribute("Referrer", member="page.referrer", required=False),
        Attribute("SecondsOnPage", Type.NUMBER, member="seconds", required=False),
        Attribute("Campaign", Type.ANY, member="campaign", required=False),
    ),
    time="SeenAt",
    shown=("Path",),
    samples=(
        '{"visitor":"v-9f2c","time":"2026-11-23T14:41:28.000Z","page":{"path":"/pricing"},"seconds":12.5}',
        '{"visitor":"v-77aa","time":"2026-11-23T14:41:29Z","page":{"path":"/","referrer":"example.com"},'
        '"campaign":{"name":"autumn","tags":["a","b"]}}',
    ),
    invalid=('{"visitor":"","time":"2026-11-23T14:41:28.000Z","page":{"path":"/pricing"}}',),
)
