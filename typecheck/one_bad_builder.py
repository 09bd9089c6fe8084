"""One signature that cannot be read silences what it might have made, and nothing else."""

from polaris_dsl import builder, workflow
from typecheck.shop.data import Card, EncryptedCard, Order, Otp, Paid, Token


@builder
def encrypt(card: Card) -> EncryptedCard:
    return EncryptedCard(card.number)


@builder
# E: polaris-bad-builder: tokenize: parameter salt: str is a bare scalar or container, which a flow can have many of
# N: help: wrap it in a class of its own, which says what it means
def tokenize(card: EncryptedCard, salt: str) -> Token:
    return Token(card.text + salt)


@builder
def pay(order: Order, token: Token) -> Paid:
    return Paid(order.cents)


workflow(
    target=Paid,
    inputs=Order | Card | Otp,
    builders=[
        encrypt,
        tokenize,
        pay,
        pay,  # E: polaris-duplicate-builder: pay is listed twice
        # N: help: remove one of the two
    ],
)
