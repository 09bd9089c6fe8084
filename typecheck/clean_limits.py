"""Time limits and tries: a whole that has as much time as its parts, or any time."""

from __future__ import annotations

from polaris_dsl import Retry, Workflow, builder, workflow
from typecheck.shop.data import Card, EncryptedCard, Order, Paid, Token


class Vault:
    @builder(timeout_s=1.5, retry=Retry(attempts=5, on=ConnectionError, first_wait_s=0.5))
    def tokenize(self, card: EncryptedCard) -> Token:
        return Token(card.text)


@builder(timeout_s=1)
def encrypt(card: Card) -> EncryptedCard:
    return EncryptedCard(card.number)


@builder(timeout_s=None, at_most_once=True, retry=None)
async def pay(order: Order, token: Token) -> Paid:
    return Paid(order.cents)


encrypt_quickly = builder(encrypt, name="encrypt", timeout_s=0.5)
encrypt_slowly = builder(encrypt, timeout_s=60 * 60)

by_card: Workflow[Paid, Order | Card] = workflow(
    target=Paid,
    inputs=Order | Card,
    builders=[encrypt_quickly, Vault().tokenize, pay],
    timeout_s=2,
)
in_any_time = workflow(target=Token, inputs=Card, builders=[encrypt_slowly, Vault().tokenize], timeout_s=None)
in_an_hour = workflow(target=Token, inputs=Card, builders=[encrypt_slowly, Vault().tokenize], timeout_s=3601.5)
