"""Later, in a process of its own: customers type one-time passwords, banks call webhooks."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from rich.console import Console

from examples.payments.crowd import for_each
from examples.payments.data import Cvv, Otp
from examples.payments.orders import CardOrder, NetbankingOrder, Order, read_orders
from examples.payments.shop import Shop, open_shop


def deliver(shop: Shop, order: Order) -> None:
    """Feed what arrives for this order."""
    if isinstance(order, CardOrder):
        type_otps(shop, order)
    else:
        call_webhook(shop, order)


def type_otps(shop: Shop, order: CardOrder) -> None:
    """Feed one OTP after the other, beginning behind the last one that the run knows: this may be a second start."""
    run = shop.card.run(order.id)
    if Cvv in run.missing:  # it went with a process that was killed: the customer is asked again
        run = shop.card.run(order.id, Cvv(order.cvv))
    known = run.get(Otp)
    for attempt, typed in enumerate(order.otps, start=1):
        if known is None or attempt > known.attempt:
            shop.card.run(order.id, shop.bank.otp(typed, order_id=order.id, attempt=attempt))


def call_webhook(shop: Shop, order: NetbankingOrder) -> None:
    """Keep each call at once, as the bank waits for an answer, then go on with the payment."""
    for webhook in order.webhooks:
        shop.netbanking.feed(order.id, webhook)
    shop.netbanking.run(order.id)


def main(folder: str, orders: str) -> None:
    with open_shop(Path(folder)) as shop:
        for_each(read_orders()[: int(orders)], partial(deliver, shop), title="OTPs and webhooks", console=Console())


if __name__ == "__main__":
    main(*sys.argv[1:])
