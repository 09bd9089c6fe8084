"""What may be absent: an `Optional`, a default, an `Access`; and the facts of the call."""

from typing import Optional

from polaris_dsl import Access, Context, builder, workflow
from typecheck.shop.data import Address, Cart, Order, Paid, Risk, Shipped, Webhook


@builder
def score(order: Order, cart: Optional[Cart], before: Access[Paid]) -> Optional[Risk]:
    return Risk(order.cents) if cart and not before else None


@builder
def pay(order: Order, *, risk: Optional[Risk] = None, webhook: Webhook = Webhook.APPROVED) -> Paid:
    return Paid(order.cents)


@builder
def ship(paid: Paid, last: Access[Shipped], context: Context, address: Optional[Address] = None) -> Shipped:
    return last or Shipped(context.idempotency_key)


delivery = workflow(target=Shipped, inputs=Order | Cart | Webhook | Address, builders=[score, pay, ship])
