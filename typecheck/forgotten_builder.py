"""The builder that makes tokens was forgotten."""

from polaris_dsl import builder, workflow
from typecheck.shop.data import Card, EncryptedCard, Order, Otp, Paid, Token


@builder
def encrypt(card: Card) -> EncryptedCard:
    return EncryptedCard(card.number)


@builder
def charge(order: Order, token: Token, otp: Otp) -> Paid:
    return Paid(order.cents)


workflow(
    target=Paid,
    inputs=Order | Card | Otp,
    builders=[
        encrypt,
        charge,
        # E: polaris-missing-data: charge consumes Token, but it is no input and no listed builder produces it
        # N: path: Token -> charge -> Paid
        # N: help: list a builder that produces it, or feed it: inputs=Order | Card | Otp | Token
    ],
)
