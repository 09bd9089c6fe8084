"""The outside world: the orders of the file, with what their customers and banks will do later."""

from __future__ import annotations

import datetime
import json
from decimal import Decimal
from pathlib import Path
from typing import Tuple, Union

import attrs

from examples.payments.data import BankChoice, BankWebhook, PaymentRequest, Verdict

FILE = Path(__file__).with_name("orders.jsonl")


@attrs.frozen
class CardOrder:
    request: PaymentRequest
    number: str
    """The card number, in the clear."""
    cvv: str
    otps: Tuple[str, ...]
    """What the customer will type, one after the other."""

    @property
    def id(self) -> str:
        return self.request.order_id


@attrs.frozen
class NetbankingOrder:
    request: PaymentRequest
    choice: BankChoice
    webhooks: Tuple[BankWebhook, ...]
    """What the bank will call with."""

    @property
    def id(self) -> str:
        return self.request.order_id


Order = Union[CardOrder, NetbankingOrder]


def read_orders(file: Path = FILE, /) -> Tuple[Order, ...]:
    return tuple(_order(line) for line in file.read_text(encoding="utf-8").splitlines())


def _order(line: str) -> Order:
    row = json.loads(line)
    request = PaymentRequest(
        order_id=row["order"],
        placed=datetime.date.fromisoformat(row["placed"]),
        customer=row["customer"],
        amount=Decimal(row["amount"]),
    )
    if "card" in row:
        return CardOrder(request, number=row["card"], cvv=row["cvv"], otps=tuple(row["otps"]))
    webhooks = tuple(BankWebhook(Verdict(verdict)) for verdict in row["webhooks"])
    return NetbankingOrder(request, BankChoice(row["bank"]), webhooks)
