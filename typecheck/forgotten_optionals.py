"""The world is closed: what is only an optional or an access must come from somewhere too."""

from __future__ import annotations

from polaris_dsl import Access, builder, workflow
from typecheck.shop.data import Address, Cart, Declined, Order, Paid, Risk, Webhook


@builder
def pay(order: Order, risk: Risk | None) -> Paid:
    return Paid(order.cents)


@builder
async def pay_later(order: Order, *, webhook: Webhook = Webhook.APPROVED) -> Paid:
    return Paid(order.cents)


class Desk:
    @builder
    def decline(self, cart: Cart, address: Access[Address]) -> Declined:
        return Declined("closed")


workflow(
    name="with-risk",
    target=Paid,
    inputs=Order,
    builders=[pay],
    # E: polaris-missing-data: pay takes Risk as an optional, but it is no input and no listed builder produces it
    # N: path: Risk -> pay -> Paid
    # N: help: list a builder that produces it, or feed it: inputs=Order | Risk
)

workflow(
    target=Paid,
    inputs=Order,
    builders=[pay_later],
    # E: polaris-missing-data: pay_later takes Webhook as an optional, but it is no input and no listed builder
    #    produces it
    # N: path: Webhook -> pay_later -> Paid
    # N: help: list a builder that produces it, or feed it: inputs=Order | Webhook
)

workflow(
    target=Declined,
    inputs=Cart,
    builders=[Desk().decline],
    # E: polaris-missing-data: Desk.decline accesses Address, but it is no input and no listed builder produces it
    # N: path: Address -> Desk.decline -> Declined
    # N: help: list a builder that produces it, or feed it: inputs=Cart | Address
)
