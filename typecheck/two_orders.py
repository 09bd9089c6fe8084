"""An input and a product of one name; and two classes nested in others."""

from typing import NamedTuple

from polaris_dsl import builder, workflow
from typecheck.legacy.cards import take_order
from typecheck.shop.data import Card, Invoice, Order, Paid


class Cheque:
    class Number(NamedTuple):
        text: str


class Receipt:
    class Number(NamedTuple):
        text: str


@builder
def pay(order: Order) -> Paid:
    return Paid(order.cents)


@builder
def number(cheque: Cheque.Number) -> Receipt.Number:
    return Receipt.Number(cheque.text)


@builder
def bill(receipt: Receipt.Number) -> Invoice:
    return Invoice(0)


workflow(
    target=Paid,
    inputs=Order | Card,
    builders=[  # E: polaris-name-clash: two data are called Order (typecheck.shop.data and typecheck.legacy.cards)
        # N: help: rename one of them: a journal calls data by their class name
        pay,
        take_order,
    ],
)

workflow(
    target=Invoice,
    inputs=Cheque.Number,
    builders=[number, bill],  # E: polaris-name-clash: two data are called Number
    # N: help: rename one of them: a journal calls data by their class name
)
