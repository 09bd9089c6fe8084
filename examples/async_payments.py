"""A thousand card payments at once, in one event loop: what is asked of the vault and of the bank is `async def`.

The data, the cards and the invoices are those of `examples/payments`; plain builders run in threads beside the loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import hmac
import tempfile
import zlib
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Dict, Optional, Tuple, Union

import attrs

from examples.payments.bank import has_funds, one_time_password
from examples.payments.cards import Cards
from examples.payments.data import (
    Authorized,
    Cvv,
    EncryptedCard,
    Instrument,
    Otp,
    Payment,
    PaymentCompleted,
    PaymentDeclined,
    PaymentRequest,
    Verified,
)
from examples.payments.flows import CardInputs, Outcome, initiate
from examples.payments.invoices import Invoices
from examples.payments.keys import Keyring
from examples.payments.network import LOST_PERCENT, GatewayTimeout, check_cvv
from polaris_dsl import BuilderError, Context, Executor, FileStore, Workflow, builder, workflow

KEYS = Keyring(b"32 bytes that are no secret here")
CARDS = Cards(KEYS)
ROUNDS = 10


@attrs.define
class Network:
    """The line to the outside: it takes its time, and now and then an answer is lost. Used in one event loop only."""

    under_way: int = 0
    most: int = 0
    """How many questions were under way at the same moment."""

    async def ask(self, about: str, /, *, may_be_lost: bool = False) -> None:
        chance = zlib.crc32(about.encode())
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await asyncio.sleep((20 + chance % 70) / 1000)
        finally:
            self.under_way -= 1
        if may_be_lost and chance // 7 % 100 < LOST_PERCENT:
            raise GatewayTimeout(about)


@attrs.frozen
class Vault:
    network: Network
    tokens: Dict[str, str] = attrs.field(factory=dict)

    @builder
    async def tokenize_card(self, card: EncryptedCard, cvv: Cvv) -> Instrument:
        check_cvv(cvv.digits)
        await self.network.ask(card.fingerprint)
        token = self.tokens.setdefault(card.fingerprint, f"tok_{len(self.tokens)}")
        return Instrument(token, label=f"card ending in {card.last_digits}")


@attrs.frozen
class Bank:
    network: Network
    holds: Counter[str] = attrs.field(factory=Counter)
    """How often each hold was asked for."""
    charges: Dict[str, Decimal] = attrs.field(factory=dict)

    @builder
    async def process_payment(
        self, payment: Payment, instrument: Instrument, context: Context
    ) -> Union[Authorized, PaymentDeclined]:
        if not has_funds(payment.amount):
            return PaymentDeclined("no funds")
        self.holds[context.idempotency_key] += 1
        await self.network.ask(f"{payment.order_id} {self.holds[context.idempotency_key]}", may_be_lost=True)
        return Authorized(context.idempotency_key)

    @builder
    def verify_otp(self, payment: Payment, _: Authorized, otp: Otp) -> Optional[Verified]:
        right = digest(one_time_password(payment.order_id), order_id=payment.order_id)
        return Verified(payment.order_id) if hmac.compare_digest(otp.digest, right) else None

    @builder
    async def complete(self, payment: Payment, authorized: Authorized, _: Verified) -> PaymentCompleted:
        self.charges[authorized.hold] = payment.amount
        await self.network.ask(authorized.hold)
        return PaymentCompleted(receipt=f"R-{authorized.hold[:12]}", amount=payment.amount)


def digest(typed: str, /, *, order_id: str) -> str:
    return KEYS.digest("otp", f"{order_id} {typed}")


def card_payment(vault: Vault, bank: Bank, invoices: Invoices) -> Workflow[Outcome, CardInputs]:
    return workflow(
        name="card-payment",
        target=Outcome,
        inputs=CardInputs,
        builders=[
            initiate,
            CARDS.encrypt_card,
            vault.tokenize_card,
            bank.process_payment,
            bank.verify_otp,
            bank.complete,
            invoices.write_invoice,
        ],
        transient=Cvv,
    )


async def pay(payments: Executor[Outcome, CardInputs], number: int) -> Outcome:
    """Place an order, and type the password; where an answer is lost, ask again: what was built is kept."""
    amount = Decimal(10) + number + (Decimal("0.05") if number % 20 == 0 else 0)
    request = PaymentRequest(f"A-{number:04}", datetime.date(2024, 2, 29), f"Customer {number}", amount)
    order_id = request.order_id
    sealed = CARDS.seal(f"{4111111111110000 + number}", order_id=order_id)
    otp = Otp(1, digest(one_time_password(order_id), order_id=order_id))
    fed: Tuple[CardInputs, ...] = (request, sealed, Cvv(f"{number % 999 + 1:03}"))
    for _ in range(ROUNDS):
        with contextlib.suppress(BuilderError):
            await payments.arun(order_id, *fed)
            break
        fed = ()  # what was fed is kept, and the CVV was used: only the bank has to be asked again
    return (await payments.arun(order_id, otp)).result()


async def pay_all(payments: Executor[Outcome, CardInputs], orders: int, /) -> Counter[str]:
    """Pay many orders at once, and count how that ended."""
    ends = await asyncio.gather(*(pay(payments, number) for number in range(1, orders + 1)))
    return Counter(type(end).__name__ for end in ends)


def main(orders: int = 1_000) -> None:
    with tempfile.TemporaryDirectory() as folder:
        network = Network()
        bank = Bank(network)
        flow = card_payment(Vault(network), bank, Invoices(Path(folder)))
        with Executor(flow, store=FileStore(Path(folder) / "runs", durability="process")) as payments:
            ends = asyncio.run(pay_all(payments, orders))
        print(f"{ends['PaymentCompleted']} paid, {ends['PaymentDeclined']} declined")
        print(f"{len(bank.holds)} holds, {len(bank.charges)} charges")
        print(f"{sum(bank.holds.values()) - len(bank.holds)} answers were lost, and asked for again")
        print(f"{network.most} questions under way at once, at most")


if __name__ == "__main__":
    main()
