"""What must not be made twice and lives in one call; where that is not written out, mypy says just that."""

from __future__ import annotations

from typing import Any, Final

from polaris_dsl import Builder, builder, workflow
from typecheck.shop.data import Card, EncryptedCard, Order, Paid, Token

ONCE: Final = True


class Vault:
    @builder(at_most_once=True)
    def tokenize(self, card: EncryptedCard) -> Token:
        return Token(card.text)


@builder(at_most_once=False)
def encrypt(card: Card) -> EncryptedCard:
    return EncryptedCard(card.number)


@builder(name="pay", at_most_once=ONCE)
async def pay_by_token(token: Token) -> Paid | Order:
    return Paid(1)


@builder
def pay_order(order: Order) -> Paid:
    return Paid(order.cents)


vault = Vault()
SEALED = (builder(encrypt, name="seal", at_most_once=True), vault.tokenize)

workflow(
    target=Paid,
    inputs=Card,
    builders=[encrypt, vault.tokenize, pay_by_token, pay_order],
    transient=Card | Token | Order,
    # E: polaris-bad-transient: the transient Token is made by Vault.tokenize at most once: a later call that needs it
    #    would call Vault.tokenize again
    # N: help: let Vault.tokenize make what may be kept (transient=Card | Order), or leave out at_most_once=True
    # E: polaris-bad-transient: the transient Order is made by pay at most once: a later call that needs it would call
    #    pay again
    # N: help: let pay make what may be kept (transient=Card | Token), or leave out at_most_once=True
)
workflow(
    target=Token,
    inputs=Card,
    builders=[*SEALED],
    transient=EncryptedCard,
    # E: polaris-bad-transient: the transient EncryptedCard is made by seal at most once: a later call that needs it
    #    would call seal again
    # N: help: let seal make what may be kept (leave out transient=), or leave out at_most_once=True
)
workflow(target=Token, inputs=Card, builders=[encrypt, vault.tokenize], transient=Card | EncryptedCard)


def sealing(*, once: bool, **options: Any) -> Builder[[Card], EncryptedCard]:
    @builder(at_most_once=once)
    def seal(card: Card) -> EncryptedCard:
        return EncryptedCard(card.number)

    workflow(target=Token, inputs=Card, builders=[seal, vault.tokenize], transient=Card)
    workflow(
        target=Token,
        inputs=Card,
        builders=[
            seal,  # E: polaris-unchecked: seal: its at_most_once shows only when the program runs
            vault.tokenize,
        ],
        transient=EncryptedCard,
    )
    workflow(
        target=Token,
        inputs=Card,
        builders=[
            builder(seal, at_most_once=False),
            # E: polaris-unchecked: seal: its at_most_once shows only when the program runs
            vault.tokenize,
        ],
        transient=EncryptedCard,
    )
    workflow(
        target=Token,
        inputs=Card,
        builders=[
            builder(encrypt, at_most_once=once),
            # E: polaris-unchecked: encrypt: its at_most_once shows only when the program runs
            vault.tokenize,
        ],
        transient=EncryptedCard,
    )
    workflow(
        target=Token,
        inputs=Card,
        builders=[
            builder(encrypt, **options),
            # E: polaris-unchecked: encrypt: its at_most_once shows only when the program runs
            vault.tokenize,
        ],
        transient=EncryptedCard,
    )
    workflow(
        target=Token,
        inputs=Card,
        builders=[builder(seal, at_most_once=True), vault.tokenize],
        transient=EncryptedCard,
        # E: polaris-bad-transient: the transient EncryptedCard is made by seal at most once: a later call that needs it
        #    would call seal again
        # N: help: let seal make what may be kept (leave out transient=), or leave out at_most_once=True
    )
    workflow(
        target=Token,
        inputs=Card,
        builders=[builder(SEALED[0], at_most_once=once), vault.tokenize],
        transient=EncryptedCard,
        # E: polaris-bad-transient: the transient EncryptedCard is made by seal at most once: a later call that needs it
        #    would call seal again
        # N: help: let seal make what may be kept (leave out transient=), or leave out at_most_once=True
    )
    return seal


workflow(
    target=Token,
    inputs=Card,
    builders=[
        sealing(once=False, name="seal"),
        # E: polaris-unchecked: sealing(...): its at_most_once shows only when the program runs
        vault.tokenize,
    ],
    transient=EncryptedCard,
)
