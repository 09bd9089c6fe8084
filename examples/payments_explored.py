"""Explores the card payment: its inputs in every order, a crash at every commit. Then again, with a mistake put in."""

from __future__ import annotations

import contextlib
import datetime
import tempfile
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Callable, Iterator, List, Union

import attrs

from examples.payments import bank, vault
from examples.payments.cards import Cards
from examples.payments.data import (
    Authorized,
    Cvv,
    Instrument,
    Payment,
    PaymentCompleted,
    PaymentDeclined,
    PaymentRequest,
    Verified,
)
from examples.payments.database import Database
from examples.payments.flows import CardInputs, Outcome, card_payment
from examples.payments.invoices import Invoices
from examples.payments.keys import Keyring
from polaris_dsl import Context, Workflow, builder
from polaris_dsl.testing import Effect, Explored, StoryFailed, explore

ORDER = "A-001"
KEYS = Keyring(b"32 bytes that are no secret here")
CARDS = Cards(KEYS)

Requests = List[Effect]
"""What a bank was asked to do, and the key by which it knows each request again."""


@attrs.frozen
class QuickBank:
    """In place of the example's bank: answers at once, and outlives each crash as the list of what it was asked."""

    requests: Requests
    key_of: Callable[[Context], str]

    @builder
    def process_payment(
        self, payment: Payment, instrument: Instrument, context: Context
    ) -> Union[Authorized, PaymentDeclined]:
        self.requests.append(("hold", self.key_of(context)))
        return Authorized(context.idempotency_key)

    @builder
    def complete(self, payment: Payment, authorized: Authorized, _: Verified) -> PaymentCompleted:
        self.requests.append(("charge", authorized.hold))
        return PaymentCompleted(receipt=f"R-{authorized.hold[:12]}", amount=payment.amount)


def given_key(context: Context) -> str:
    return context.idempotency_key


def made_up_key(context: Context) -> str:
    """Make the mistake: a repeated request looks like a new one to the bank."""
    return str(uuid.uuid4())


@attrs.frozen
class Shop:
    """The card payment, all of it real but the bank's two builders that move money."""

    bank: bank.Bank
    payment: Workflow[Outcome, CardInputs]

    def at(self, quick: QuickBank) -> Workflow[Outcome, CardInputs]:
        return self.payment.replace(
            {self.bank.process_payment: quick.process_payment, self.bank.complete: quick.complete}
        )

    def samples(self) -> List[CardInputs]:
        return [
            PaymentRequest(ORDER, datetime.date(2024, 2, 29), "Ines Brandt", Decimal("49.90")),
            CARDS.seal("4111111111111111", order_id=ORDER),
            Cvv("123"),
            self.bank.otp(bank.one_time_password(ORDER), order_id=ORDER, attempt=1),
        ]

    def explored(self, key_of: Callable[[Context], str], *, stories: int = 600) -> Explored:
        return explore(
            lambda requests: self.at(QuickBank(requests, key_of)),
            *self.samples(),
            outside=list,
            effects=lambda requests: requests,
            at_most={"hold": 1, "charge": 1},
            stories=stories,
        )


@contextlib.contextmanager
def open_shop() -> Iterator[Shop]:
    with contextlib.ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        the_vault = vault.Vault(opened.enter_context(Database(Path(":memory:"), schema=vault.SCHEMA)))
        the_bank = bank.Bank(opened.enter_context(Database(Path(":memory:"), schema=bank.SCHEMA)), KEYS)
        yield Shop(the_bank, card_payment(cards=CARDS, vault=the_vault, bank=the_bank, invoices=Invoices(folder)))


def main(*, stories: int = 600) -> None:
    with open_shop() as shop:
        found = shop.explored(given_key, stories=stories)
        print(f"{found.stories} stories with {found.crashes} crashes end the same, and move the money once.")
        print("\nWith a key that the builder makes up:")
        try:
            shop.explored(made_up_key)
        except StoryFailed as failed:
            print(failed)


if __name__ == "__main__":
    main()
