"""Cards that live in one call, and builders that would need them in the next."""

from __future__ import annotations

from polaris_dsl import Access, builder, workflow
from typecheck.shop.data import Card, EncryptedCard, Order, Otp, Paid, Token, Verified


class Bank:
    @builder
    def ask(self, order: Order, card: Card) -> Token:
        return Token(card.number)

    @builder
    async def verify(self, token: Token, otp: Otp) -> Verified:
        return Verified(otp.code)


bank = Bank()


@builder
def pay(verified: Verified, card: Card) -> Paid:
    return Paid(1)


@builder(name="pay")
def pay_if_there(verified: Verified, *, card: Card | None = None) -> Paid:
    return Paid(1)


@builder(name="pay")
def pay_without(verified: Verified, card: Access[Card]) -> Paid:
    return Paid(1)


@builder
def encrypt(card: Card) -> EncryptedCard:
    return EncryptedCard(card.number)


@builder(name="pay")
def pay_encrypted(card: EncryptedCard, otp: Otp) -> Paid:
    return Paid(1)


workflow(
    target=Paid,
    inputs=Order | Card | Otp,
    builders=[
        bank.ask,
        bank.verify,
        pay,  # E: polaris-transient-needed-later: pay consumes Card, which is gone if the run pauses for Otp after
        #    Bank.ask has taken it
        # N: path: Card -> pay -> Paid
        # N: help: let Bank.ask wait for Otp too, or let it return what pay needs as a data that is not transient
    ],
    transient=Card,
)
workflow(
    target=Paid,
    inputs=Order | Card | Otp,
    builders=[
        pay_if_there,  # E: polaris-transient-needed-later: pay takes Card as an optional, which is gone if the run
        #    pauses for Otp after Bank.ask has taken it
        # N: path: Card -> pay -> Paid
        # N: help: let Bank.ask wait for Otp too, or let it return what pay needs as a data that is not transient
        bank.ask,
        bank.verify,
    ],
    transient=Card,
)
workflow(target=Paid, inputs=Order | Card | Otp, builders=[bank.ask, bank.verify, pay_without], transient=Card)
workflow(target=Paid, inputs=Order | Card | Otp, builders=[bank.ask, bank.verify, pay])
workflow(
    target=Paid,
    inputs=Card | Otp,
    builders=[
        encrypt,
        pay_encrypted,  # E: polaris-transient-needed-later: pay consumes EncryptedCard, which is gone if the run pauses
        #    for Otp after encrypt has made it
        # N: path: EncryptedCard -> pay -> Paid
        # N: help: let encrypt wait for Otp too, or let it return what pay needs as a data that is not transient
    ],
    transient=Card | EncryptedCard,
)
