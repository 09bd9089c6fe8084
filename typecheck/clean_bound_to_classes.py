"""Class methods, static methods, and methods that a subclass inherits."""

from typing_extensions import Self

from polaris_dsl import builder, workflow
from typecheck.shop.data import Authorized, Card, EncryptedCard, Order, Paid, Token


class Safe:
    @builder
    @classmethod
    def encrypt(cls, card: Card) -> EncryptedCard:
        return EncryptedCard(card.number)

    @builder
    @staticmethod
    def tokenize(card: EncryptedCard) -> Token:
        return Token(card.text)

    @builder
    def hold(self, token: Token) -> Authorized:
        return Authorized(token.text)

    @builder(name="settle")
    def pay(self, order: Order, authorized: Authorized) -> Paid:
        return Paid(order.cents)

    def opened(self) -> Self:
        return self


class BankSafe(Safe):
    pass


safe = BankSafe()

CLASSES = (Safe.encrypt, Safe.tokenize)

card = workflow(target=Token, inputs=Card, builders=CLASSES)  # E[zuban]: it sees no @builder above @classmethod
payment = workflow(target=Paid, inputs=Order | Token, builders=[safe.hold, safe.opened().pay])
