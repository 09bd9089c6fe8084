"""A card is charged: four functions, listed in any order."""

from polaris_dsl import builder, workflow
from typecheck.shop.data import Card, EncryptedCard, Order, Otp, Paid, Token


@builder
def encrypt(card: Card) -> EncryptedCard:
    return EncryptedCard(card.number)


@builder
def tokenize(card: EncryptedCard) -> Token:
    return Token(card.text)


@builder
def charge(order: Order, token: Token, otp: Otp) -> Paid:
    return Paid(order.cents)


card_payment = workflow(target=Paid, inputs=Order | Card | Otp, builders=[charge, tokenize, encrypt])
