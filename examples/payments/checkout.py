"""Orders are placed: each payment runs until it has to wait."""

from __future__ import annotations

from examples.payments.orders import CardOrder, Order
from examples.payments.shop import Shop


def place(shop: Shop, order: Order) -> None:
    """Feed what the checkout page knows. Placed once more, an order changes nothing: equal data is no news."""
    if isinstance(order, CardOrder):
        shop.card.run(order.id, order.request, shop.cards.seal(order.number, order_id=order.id))
    else:
        shop.netbanking.run(order.id, order.request, order.choice)
