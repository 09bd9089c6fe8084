"""The shop: its services, and an executor for each workflow, over one folder."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Iterator

import attrs

from examples.payments import bank, vault
from examples.payments.cards import Cards
from examples.payments.database import Database
from examples.payments.flows import CardInputs, NetbankingInputs, Outcome, card_payment, netbanking_payment
from examples.payments.invoices import Invoices
from examples.payments.keys import Keyring
from examples.payments.orders import CardOrder, Order
from polaris_dsl import Executor, FileStore, Run

KEY_FILE = "key"


@attrs.frozen
class Shop:
    cards: Cards
    bank: bank.Bank
    invoices: Invoices
    card: Executor[Outcome, CardInputs]
    netbanking: Executor[Outcome, NetbankingInputs]

    def load(self, order: Order) -> Run[Outcome]:
        """Read where the payment of this order stands."""
        return self.card.load(order.id) if isinstance(order, CardOrder) else self.netbanking.load(order.id)


@contextlib.contextmanager
def open_shop(folder: Path, /) -> Iterator[Shop]:
    """Open the shop that lives in this folder; the first time, make the folder and all that is in it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    keys = Keyring.open(folder / KEY_FILE)
    (folder / "invoices").mkdir(exist_ok=True)
    runs = FileStore(folder / "runs")
    with contextlib.ExitStack() as opened:
        cards = Cards(keys)
        the_vault = vault.Vault(opened.enter_context(Database(folder / "vault.sqlite", schema=vault.SCHEMA)))
        the_bank = bank.Bank(opened.enter_context(Database(folder / "bank.sqlite", schema=bank.SCHEMA)), keys)
        invoices = Invoices(folder / "invoices")
        card = card_payment(cards=cards, vault=the_vault, bank=the_bank, invoices=invoices)
        netbanking = netbanking_payment(bank=the_bank, invoices=invoices)
        yield Shop(
            cards=cards,
            bank=the_bank,
            invoices=invoices,
            card=opened.enter_context(Executor(card, store=runs)),
            netbanking=opened.enter_context(Executor(netbanking, store=runs)),
        )
