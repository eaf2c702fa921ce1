"""Orders of a shop: one event for each change of an order, which replaces the one before."""

from typing import Any, Final

from event.schema import Attribute, Schema, Type


def check(order: dict[str, Any]) -> str | None:
    """Return why an order is invalid, or None."""
    return "Total: an order costs something, or nothing" if order["total"] < 0 else None


EVENT: Final = Schema(
    noun="order",
    partition_key=Attribute("CustomerId", member="customer_id"),
    sort_key=Attribute("OrderId", member="order_id"),
    attributes=(
        Attribute("Status", member="status"),
        Attribute("Total", Type.NUMBER, member="total"),
        Attribute("Lines", Type.ANY, member="lines", required=False),
        Attribute("PlacedAt", Type.TIME, member="placed_at"),
    ),
    time="PlacedAt",
    shown=("Status", "Total"),
    check=check,
    samples=(
        '{"customer_id":"c-17","order_id":"o-2001","status":"paid","total":19.90,"placed_at":"2026-11-23T15:41:28+01:00"}',
        '{"customer_id":"c-18","order_id":"o-2002","status":"open","total":7,"lines":[{"sku":"tea","count":2}],'
        '"placed_at":"2026-11-23T14:45:00Z"}',
    ),
    invalid=(
        '{"customer_id":"c-17","order_id":"o-2003","status":"paid","total":-5,"placed_at":"2026-11-23T14:50:00Z"}',
    ),
)
