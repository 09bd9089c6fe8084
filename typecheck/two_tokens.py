"""Two data of one name, of two modules."""

from polaris_dsl import builder, workflow
from typecheck.legacy import cards as legacy
from typecheck.shop import encrypt, tokenize_card
from typecheck.shop.data import Card, Order, Paid, Token


@builder
def pay(order: Order, token: Token, old: legacy.Token) -> Paid:
    return Paid(order.cents)


workflow(
    target=Paid,
    inputs=Order | Card,
    builders=[  # E: polaris-name-clash: two data are called Token (typecheck.shop.data and typecheck.legacy.cards)
        # N: help: rename one of them: a journal calls data by their class name
        encrypt,
        tokenize_card,
        legacy.old_tokenize,
        pay,
    ],
)
