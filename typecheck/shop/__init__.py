"""A small shop; what its modules hold is exported again from here."""

from typecheck.shop import cards, warehouse
from typecheck.shop.bank import Bank, Score, authorize, capture
from typecheck.shop.cards import CARD_BUILDERS, Vault, encrypt
from typecheck.shop.cards import tokenize as tokenize_card

__all__ = [
    "CARD_BUILDERS",
    "Bank",
    "Score",
    "Vault",
    "authorize",
    "capture",
    "cards",
    "encrypt",
    "tokenize_card",
    "warehouse",
]
