"""Two builders of one name: a journal could not tell them apart."""

from polaris_dsl import builder, workflow
from typecheck.shop import authorize
from typecheck.shop import tokenize_card as shop_tokenize
from typecheck.shop.data import Authorized, Card, Declined, EncryptedCard, Invoice, Order, Paid, Token


@builder
def tokenize(card: Card) -> EncryptedCard:
    return EncryptedCard(card.number)


@builder(name="tokenize")
def pay(order: Order, token: Token) -> Paid:
    return Paid(order.cents)


class Desk:
    @builder(name="authorize")
    def bill(self, paid: Authorized) -> Invoice:
        return Invoice(1)


workflow(
    target=Paid,
    inputs=Order | Card,
    builders=[
        tokenize,
        shop_tokenize,  # E: polaris-duplicate-builder: two builders are called tokenize
        # N: help: give one of them another name: @builder(name="...")
        pay,  # E: polaris-duplicate-builder: two builders are called tokenize
        # N: help: give one of them another name: @builder(name="...")
    ],
)

workflow(
    target=Invoice | Declined,
    inputs=Order | Token,
    builders=[
        authorize,
        Desk().bill,  # E: polaris-duplicate-builder: two builders are called authorize
        # N: help: give one of them another name: @builder(name="...")
    ],
)
