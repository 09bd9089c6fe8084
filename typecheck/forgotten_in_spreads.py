"""What is missing inside a spread is told on the line of the spread, with the builder's own name."""

from typing import Final

from polaris_dsl import builder, workflow
from typecheck.shop import CARD_BUILDERS, cards, warehouse
from typecheck.shop.data import Address, Card, Cart, Order, Paid, Shipped, SoldOut, Token


@builder
def pay(order: Order, token: Token) -> Paid:
    return Paid(order.cents)


LAST_TWO: Final = (cards.tokenize, pay)
ALL = (*CARD_BUILDERS, pay)

workflow(
    target=Paid,
    inputs=Order | Card,
    builders=[
        *LAST_TWO,
        # E: polaris-missing-data: tokenize consumes EncryptedCard, but it is no input and no listed builder produces
        #    it
        # N: path: EncryptedCard -> tokenize -> Token -> pay -> Paid
        # N: help: list a builder that produces it, or feed it: inputs=Order | Card | EncryptedCard
    ],
)

workflow(
    target=Shipped | SoldOut,
    inputs=Cart | Address,
    builders=[
        *warehouse.FROM_SHELF_TO_DOOR,
        # E: polaris-missing-data: pack consumes Paid, but it is no input and no listed builder produces it
        # N: path: Paid -> pack -> Packed -> ship -> Shipped
        # N: help: list a builder that produces it, or feed it: inputs=Cart | Address | Paid
    ],
)

workflow(
    target=Paid,
    inputs=Card,
    builders=ALL,  # E: polaris-missing-data: pay consumes Order, but it is no input and no listed builder produces it
    # N: path: Order -> pay -> Paid
    # N: help: list a builder that produces it, or feed it: inputs=Card | Order
)

workflow(
    target=Paid,
    inputs=Order | Card,
    builders=[
        *(*LAST_TWO, *()),
        # E: polaris-missing-data: tokenize consumes EncryptedCard, but it is no input and no listed builder produces
        #    it
        # N: path: EncryptedCard -> tokenize -> Token -> pay -> Paid
        # N: help: list a builder that produces it, or feed it: inputs=Order | Card | EncryptedCard
    ],
)
