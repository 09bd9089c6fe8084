"""Data that live in one call: taken before a pause, at its end, or only seen after it."""

from polaris_dsl import Access, Workflow, builder, workflow
from typecheck.shop.data import Card, EncryptedCard, Order, Otp, Paid, Token, Verified


@builder
def encrypt(card: Card) -> EncryptedCard:
    return EncryptedCard(card.number)


@builder
def tokenize(card: EncryptedCard, order: Order) -> Token:
    return Token(card.text)


@builder
def verify(token: Token, otp: Otp, card: Access[EncryptedCard]) -> Verified:
    return Verified(otp.code)


@builder
def pay(verified: Verified) -> Paid:
    return Paid(1)


CARDS = (encrypt, tokenize)

before: Workflow[Paid, "Order | Card | Otp"] = workflow(
    target=Paid, inputs=Order | Card | Otp, builders=[*CARDS, verify, pay], transient=Card
)
at_its_end = workflow(target=Paid, inputs=Order | Card | Otp, builders=[*CARDS, verify, pay], transient=Otp | Verified)
not_at_all = workflow(target=Token, inputs=Order | Card, builders=[*CARDS])
