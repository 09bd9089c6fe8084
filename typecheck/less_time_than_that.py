"""A whole that has less time than its parts; of a part whose time is not written out, mypy says just that."""

from __future__ import annotations

from polaris_dsl import Builder, builder, workflow
from typecheck.shop.data import Card, Declined, EncryptedCard, Order, Paid, Token


class Vault:
    @builder(timeout_s=1.5)
    def tokenize(self, card: EncryptedCard) -> Token:
        return Token(card.text)


@builder(timeout_s=0.1)
def encrypt(card: Card) -> EncryptedCard:
    return EncryptedCard(card.number)


@builder(name="pay", timeout_s=2)
async def pay_by_token(token: Token) -> Paid | Declined:
    return Paid(1)


@builder(timeout_s=30)
def write_letter(declined: Declined) -> Order:
    return Order("", 1)


def paying(limit: float) -> Builder[[Token], Paid]:
    @builder(timeout_s=limit)
    def pay(token: Token) -> Paid:
        return Paid(1)

    return pay


workflow(
    target=Paid | Declined,
    inputs=Card,
    builders=[write_letter, encrypt, Vault().tokenize, pay_by_token],
    timeout_s=3.5,
    # E: polaris-over-budget: timeout_s is 3.5 s, but the builders on the way to the target may take 3.6 s
    # N: path: encrypt -> EncryptedCard -> Vault.tokenize -> Token -> pay -> Paid
    # N: help: give the workflow timeout_s=3.6 or more, or its builders less:
    #    encrypt 0.1 s + Vault.tokenize 1.5 s + pay 2 s
)
workflow(
    target=Paid | Declined,
    inputs=Card,
    builders=[write_letter, builder(encrypt, name="seal"), Vault().tokenize, builder(pay_by_token, timeout_s=1)],
    timeout_s=2,
    # E: polaris-over-budget: timeout_s is 2 s, but the builders on the way to the target may take 2.6 s
    # N: path: seal -> EncryptedCard -> Vault.tokenize -> Token -> pay -> Paid
    # N: help: give the workflow timeout_s=2.6 or more, or its builders less:
    #    seal 0.1 s + Vault.tokenize 1.5 s + pay 1 s
)
workflow(
    target=Paid | Declined, inputs=Card, builders=[write_letter, encrypt, Vault().tokenize, pay_by_token], timeout_s=3.6
)
workflow(
    target=Paid | Declined,
    inputs=Token,
    builders=[pay_by_token],
    timeout_s=1,
    # E: polaris-over-budget: timeout_s is 1 s, but the builders on the way to the target may take 2 s
    # N: path: pay -> Paid
    # N: help: give the workflow timeout_s=2 or more, or its builders less: pay 2 s
)
workflow(
    target=Paid,
    inputs=Token,
    builders=[
        paying(3),  # E: polaris-unchecked: paying(...): its timeout_s shows only when the program runs
    ],
    timeout_s=4,
)
