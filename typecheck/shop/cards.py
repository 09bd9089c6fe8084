"""Turns cards into tokens."""

from typing import Final

from polaris_dsl import builder
from typecheck.shop.data import Card, EncryptedCard, Token


@builder
def encrypt(card: Card) -> EncryptedCard:
    return EncryptedCard(card.number[::-1])


@builder
def tokenize(card: EncryptedCard) -> Token:
    return Token(card.text)


class Vault:
    @builder
    def tokenize(self, card: EncryptedCard) -> Token:
        return Token(card.text)

    @builder(name="vault-lookup")
    def look_up(self, card: EncryptedCard) -> Token:
        return Token(card.text)


CARD_BUILDERS: Final = (encrypt, tokenize)
