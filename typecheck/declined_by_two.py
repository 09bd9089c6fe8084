"""Both the bank and the lender may decline in one run."""

from __future__ import annotations

from polaris_dsl import builder, workflow
from typecheck.shop import Bank
from typecheck.shop.data import Authorized, Declined, Order, Paid, Risk, Token


class Lender:
    @builder
    async def ask(self, order: Order) -> Risk | Declined:
        return Risk(1)


@builder(name="lend")
def lend_money(risk: Risk, authorized: Authorized) -> Paid:
    return Paid(1)


workflow(
    target=Paid | Declined,
    inputs=Order | Token,
    builders=[
        Bank().authorize,
        Lender().ask,
        # E: polaris-ambiguous-producer: Bank.authorize and Lender.ask can both produce Declined in one run
        # N: path: Declined
        # N: help: remove one of them, or make them consume different alternatives of one builder
        lend_money,
    ],
)
