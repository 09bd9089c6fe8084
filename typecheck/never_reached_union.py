"""Both ends of the target lie behind what can never be there together."""

from typing import Union

from polaris_dsl import builder, workflow
from typecheck.shop import authorize, encrypt, tokenize_card
from typecheck.shop.data import Authorized, Card, Declined, Invoice, Order, Paid, Refunded


class Desk:
    @builder
    def settle(self, authorized: Authorized, declined: Declined) -> Union[Paid, Refunded]:
        return Refunded(0)

    @builder
    def write_invoice(self, paid: Paid) -> Invoice:
        return Invoice(paid.cents)


desk = Desk()

workflow(
    target=Paid | Refunded,
    # E: polaris-unreachable-target: Paid | Refunded can never be reached: Desk.settle consumes Authorized and
    #    Declined, which no choice of alternatives makes together
    # N: path: Desk.settle -> Paid
    # N: help: take one of them as an optional, or split Desk.settle into one builder for each alternative
    inputs=Order | Card,
    builders=[encrypt, tokenize_card, authorize, desk.settle],
)

workflow(
    target=Invoice,
    # E: polaris-unreachable-target: Invoice can never be reached: Desk.settle consumes Authorized and Declined, which
    #    no choice of alternatives makes together
    # N: path: Desk.settle -> Paid -> Desk.write_invoice -> Invoice
    # N: help: take one of them as an optional, or split Desk.settle into one builder for each alternative
    inputs=Order | Card,
    builders=[encrypt, tokenize_card, authorize, desk.settle, desk.write_invoice],
)
