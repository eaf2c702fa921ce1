"""Readings of sensors: a number as the sort key, a nested position, times in milliseconds since the epoch."""

from typing import Final

from event.schema import Attribute, Schema, Type

EVENT: Final = Schema(
    noun="reading",
    partition_key=Attribute("SensorId", Type.NUMBER, member="sensor"),
    sort_key=Attribute("ReadAt", Type.MILLISECONDS, member="ts"),
    attributes=(
        Attribute("Temperature", Type.NUMBER, member="values.temperature"),
        Attribute("Humidity", Type.NUMBER, member="values.humidity", required=False),
        Attribute("Latitude", Type.NUMBER, member="loc.lat"),
        Attribute("Longitude", Type.NUMBER, member="loc.lon"),
        Attribute("OnBattery", Type.BOOLEAN, member="on_battery"),
    ),
    time="ReadAt",
    shown=("Temperature", "Humidity"),
    lifetime_from="ReadAt",
    samples=(
        '{"sensor":4711,"ts":1795444888000,"values":{"temperature":21.50,"humidity":40},"loc":{"lat":52.5186,"lon":13.4083},'
        '"on_battery":false}',
        '{"sensor":4712,"ts":1795444889250,"values":{"temperature":-3},"loc":{"lat":-33.8568,"lon":151.2153},"on_battery":true}',
    ),
    invalid=('{"sensor":"4711","ts":1795444888000,"values":{"temperature":21.5},"on_battery":false}',),
)
