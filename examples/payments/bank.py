"""The bank: a simulation, with a ledger of its own in which money moves for good."""

from __future__ import annotations

import base64
import hashlib
import hmac
from decimal import Decimal
from typing import Dict, Tuple, Union

import attrs

from examples.payments.data import (
    Authorized,
    BankWebhook,
    Instrument,
    Otp,
    Payment,
    PaymentCompleted,
    PaymentDeclined,
    Verdict,
    Verified,
)
from examples.payments.database import Database
from examples.payments.keys import Keyring
from examples.payments.network import carry_answer
from polaris_dsl import Context, builder

OTP_ATTEMPTS = 3

ASK = "INSERT INTO holds VALUES (?, ?, ?, ?, 1) ON CONFLICT (key) DO UPDATE SET asked = asked + 1"
SCHEMA = """
CREATE TABLE IF NOT EXISTS holds (key TEXT PRIMARY KEY, order_id TEXT, token TEXT, amount TEXT, asked INTEGER);
CREATE TABLE IF NOT EXISTS charges (hold TEXT PRIMARY KEY REFERENCES holds, order_id TEXT, amount TEXT);
"""


@attrs.frozen
class Bank:
    ledger: Database
    keys: Keyring

    @builder
    def process_payment(
        self, payment: Payment, instrument: Instrument, context: Context
    ) -> Union[Authorized, PaymentDeclined]:
        """Set the amount aside. Asked again with the same key, the bank does nothing more and says the same."""
        if not has_funds(payment.amount):
            return PaymentDeclined("no funds")
        hold = (context.idempotency_key, payment.order_id, instrument.token, str(payment.amount))
        with self.ledger.transaction() as db:
            db.execute(ASK, hold)
            (asked,) = db.execute("SELECT asked FROM holds WHERE key = ?", hold[:1]).fetchone()
        carry_answer(payment.order_id, asked=asked)  # if the answer is lost, the hold is in the ledger all the same
        return Authorized(context.idempotency_key)

    def otp(self, typed: str, /, *, order_id: str, attempt: int) -> Otp:
        """Digest what the customer typed, at the edge: only the digest goes on."""
        return Otp(attempt, self.keys.digest("otp", f"{order_id} {typed}"))

    @builder
    def verify_otp(self, payment: Payment, _: Authorized, otp: Otp) -> Union[Verified, PaymentDeclined, None]:
        """Compare digests. A wrong OTP makes nothing, so the run waits for a newer one; the third is the last."""
        right = self.otp(one_time_password(payment.order_id), order_id=payment.order_id, attempt=otp.attempt)
        if hmac.compare_digest(otp.digest, right.digest):
            return Verified(payment.order_id)
        return PaymentDeclined("wrong OTP") if otp.attempt >= OTP_ATTEMPTS else None

    @builder
    def read_webhook(self, payment: Payment, _: Authorized, webhook: BankWebhook) -> Union[Verified, PaymentDeclined]:
        if webhook.verdict is Verdict.APPROVED:
            return Verified(payment.order_id)
        return PaymentDeclined("rejected")

    @builder
    def complete(self, payment: Payment, authorized: Authorized, _: Verified) -> PaymentCompleted:
        """Charge what was set aside. A hold is charged once, however often this runs."""
        charge = (authorized.hold, payment.order_id, str(payment.amount))
        with self.ledger.transaction() as db:
            db.execute("INSERT INTO charges VALUES (?, ?, ?) ON CONFLICT DO NOTHING", charge)
        return PaymentCompleted(receipt=f"R-{authorized.hold[:12]}", amount=payment.amount)

    def charges(self) -> Dict[str, Tuple[Decimal, ...]]:
        """Return the amounts that were charged for each order: one, if all is well."""
        charged: Dict[str, Tuple[Decimal, ...]] = {}
        with self.ledger.transaction() as db:
            for order_id, amount in db.execute("SELECT order_id, amount FROM charges"):
                charged[order_id] = (*charged.get(order_id, ()), Decimal(amount))
        return charged


def has_funds(amount: Decimal) -> bool:
    """Decide as the test gateways of banks do: an amount that ends in 5 cents is declined."""
    return amount % 1 != Decimal("0.05")


def one_time_password(order_id: str) -> str:
    """Return what the bank sends to the customer's phone: the right OTP of this order."""
    return base64.b32encode(hashlib.sha256(f"bank {order_id}".encode()).digest())[:8].decode()
