"""Signatures that can be read but cannot be meant."""

from __future__ import annotations

from polaris_dsl import builder, workflow
from typecheck.shop.data import Card, FreshToken, Invoice, Order, Paid, Token


@builder
def pay_again(order: Order, paid: Paid) -> Paid:
    return paid


@builder  # E: polaris-bad-builder: compare takes Order in two parameters
# N: help: keep one of them: a run holds one of each data
def compare(order: Order, other: Order | None) -> Paid:
    return Paid(order.cents)


@builder  # E: polaris-bad-builder: tokenize returns FreshToken or its base class Token
# N: help: return classes that do not inherit from each other: data are matched by their exact class
def tokenize(card: Card) -> Token | FreshToken:
    return Token(card.number)


class Desk:
    @builder(name="bill")  # E: polaris-bad-builder: bill takes Token in two parameters
    # N: help: keep one of them: a run holds one of each data
    def write_invoice(self, token: Token, again: Token) -> Invoice:
        return Invoice(1)


workflow(
    target=Paid,
    inputs=Order,
    builders=[
        pay_again,  # E: polaris-bad-builder: pay_again consumes its own product Paid
        # N: help: take the last one as Access[Paid], return another data, or list it in inputs=: that makes a loop
    ],
)
workflow(target=Paid, inputs=Order | Paid, builders=[pay_again])

workflow(
    target=Paid,
    inputs=Order,
    builders=[
        compare,
    ],
)

workflow(
    target=Token,
    inputs=Card,
    builders=[
        tokenize,
    ],
)

workflow(
    target=Invoice,
    inputs=Token,
    builders=[
        Desk().write_invoice,
    ],
)
