"""Dead ends of methods, of builders with names, of an async one, in a spread."""

from polaris_dsl import builder, workflow
from typecheck.shop import CARD_BUILDERS, Bank, warehouse
from typecheck.shop.data import Authorized, Card, Cart, Declined, Order, Otp, Paid, Reserved, SoldOut

bank = Bank()


class Lender:
    @builder(name="ask-lender")
    async def ask(self, order: Order) -> "Authorized | Declined":
        return Authorized(order.id)


@builder
def take(reserved: Reserved) -> Paid:
    return Paid(1)


@builder
def settle(authorized: Authorized) -> Paid:
    return Paid(1)


HALF = (warehouse.reserve, take)

workflow(
    target=Paid,
    inputs=Order | Card | Otp,
    builders=[
        *CARD_BUILDERS,
        bank.authorize,  # E: polaris-dead-end: when Bank.authorize returns Declined, Paid can never be reached
        # N: path: Bank.authorize -> Declined
        # N: help: list builders that lead from Declined to the target, or let it be an end: target=Paid | Declined
        bank.verify,
        bank.capture,
    ],
)

workflow(
    target=Paid,
    inputs=Order,
    builders=[
        settle,
        Lender().ask,  # E: polaris-dead-end: when ask-lender returns Declined, Paid can never be reached
        # N: path: ask-lender -> Declined
        # N: help: list builders that lead from Declined to the target, or let it be an end: target=Paid | Declined
    ],
)

workflow(
    target=Paid,
    inputs=Cart,
    builders=[
        *HALF,  # E: polaris-dead-end: when reserve returns SoldOut, Paid can never be reached
        # N: path: reserve -> SoldOut
        # N: help: list builders that lead from SoldOut to the target, or let it be an end: target=Paid | SoldOut
    ],
)

workflow(
    target=SoldOut,
    inputs=Cart,
    builders=[
        warehouse.reserve,  # E: polaris-dead-end: when reserve returns Reserved, SoldOut can never be reached
        # N: path: reserve -> Reserved
        # N: help: list builders that lead from Reserved to the target, or let it be an end: target=SoldOut | Reserved
    ],
)
