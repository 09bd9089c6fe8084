"""Orders are placed: each payment runs until it has to wait."""

from __future__ import annotations

from examples.payments.data import Cvv
from examples.payments.orders import CardOrder, Order
from examples.payments.shop import Shop


def place(shop: Shop, order: Order) -> None:
    """Feed what the checkout page knows. Placed once more, an order changes nothing: equal data is no news.

    The CVV is news each time, for nobody has kept it. So the vault is asked again, and the card keeps its token.
    """
    if isinstance(order, CardOrder):
        sealed = shop.cards.seal(order.number, order_id=order.id)
        shop.card.run(order.id, order.request, sealed, Cvv(order.cvv))
    else:
        shop.netbanking.run(order.id, order.request, order.choice)
