"""What flows: the data of both workflows."""

from __future__ import annotations

import datetime
import enum
from decimal import Decimal

import attrs

# --- fed from outside ------------------------------------------------------------------------------------------------


@attrs.frozen
class PaymentRequest:
    order_id: str
    placed: datetime.date
    customer: str
    amount: Decimal  # in euros


@attrs.frozen
class SealedCard:
    """A card number as the checkout page sends it: encrypted under the checkout's key."""

    ciphertext: str


@attrs.frozen
class Cvv:
    """The digits on the back of a card. Nobody may keep them, so they live within one call of `run`, and in no file."""

    digits: str = attrs.field(repr=False)


@attrs.frozen
class Otp:
    """A one-time password that the customer typed: its keyed digest, and whether it was the first, second, ... try."""

    attempt: int
    digest: str


@attrs.frozen
class BankChoice:
    """The bank that a netbanking customer wants to pay with."""

    name: str


class Verdict(enum.Enum):
    APPROVED = "approved"
    REJECTED = "rejected"


@attrs.frozen
class BankWebhook:
    """The bank's call after a netbanking customer logged in there; banks are known to call twice."""

    verdict: Verdict


# --- built on the way ------------------------------------------------------------------------------------------------


@attrs.frozen
class Payment:
    order_id: str
    amount: Decimal


@attrs.frozen
class EncryptedCard:
    """A card number under the vault's key, with a keyed digest that is the same whenever the card is."""

    ciphertext: str
    fingerprint: str
    last_digits: str


@attrs.frozen
class Instrument:
    """What the money comes from: a token that is worth nothing elsewhere, and how to call it on an invoice."""

    token: str
    label: str


@attrs.frozen
class Authorized:
    """The bank has set the amount aside; `hold` is the name by which it can be charged, once."""

    hold: str


@attrs.frozen
class Verified:
    """The customer is who they say."""

    order_id: str


# --- how a payment ends ----------------------------------------------------------------------------------------------


@attrs.frozen
class PaymentCompleted:
    receipt: str
    amount: Decimal


@attrs.frozen
class PaymentDeclined:
    reason: str


@attrs.frozen
class Invoice:
    """Written after the payment is complete; nothing waits for it."""

    number: str
    file: str
