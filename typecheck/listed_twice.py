"""The same builder twice, by itself, through a spread and through an alias."""

from polaris_dsl import builder, workflow
from typecheck.shop import CARD_BUILDERS, encrypt, tokenize_card
from typecheck.shop.data import Card, Order, Paid, Token


@builder
def pay(order: Order, token: Token) -> Paid:
    return Paid(order.cents)


settle = pay

workflow(
    target=Paid,
    inputs=Order | Card,
    builders=[
        encrypt,
        tokenize_card,
        pay,
        pay,  # E: polaris-duplicate-builder: pay is listed twice
        # N: help: remove one of the two
    ],
)

workflow(
    target=Paid,
    inputs=Order | Card,
    builders=[
        *CARD_BUILDERS,
        pay,
        tokenize_card,  # E: polaris-duplicate-builder: tokenize is listed twice
        # N: help: remove one of the two
    ],
)

workflow(
    target=Paid,
    inputs=Order | Card,
    builders=[
        settle,
        *CARD_BUILDERS,
        pay,  # E: polaris-duplicate-builder: pay is listed twice
        # N: help: remove one of the two
    ],
)
