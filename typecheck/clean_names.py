"""Names that are kept: of builders, so that journals outlive a renaming, and of the workflow."""

from polaris_dsl import builder, workflow
from typecheck.shop.data import Card, EncryptedCard, Order, Paid, Token


@builder(name="encrypt-card")
def encrypt(card: Card) -> EncryptedCard:
    return EncryptedCard(card.number)


@builder(name="tokenize")
def tokenize_with_vault(card: EncryptedCard) -> Token:
    return Token(card.text)


@builder()
def tokenize(card: EncryptedCard) -> Token:
    return Token(card.text)


@builder
def pay(order: Order, token: Token) -> Paid:
    return Paid(order.cents)


by_card = workflow(name="card-payment_2.0", target=Paid, inputs=Order | Card, builders=[encrypt, tokenize, pay])
by_vault = workflow(name="vault", target=Paid, inputs=Order | Card, builders=[encrypt, tokenize_with_vault, pay])
again = workflow(
    name="again", target=Paid, inputs=Order | Card, builders=[encrypt, builder(tokenize, name="anew"), pay]
)
