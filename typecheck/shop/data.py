"""What flows through the shop: one class of every kind that can be data."""

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

import attrs

# --- fed -------------------------------------------------------------------------------------------------------------


@attrs.frozen
class Order:
    id: str
    cents: int


@dataclass(frozen=True)
class Card:
    number: str


class Otp(NamedTuple):
    code: str


class Webhook(Enum):
    APPROVED = "approved"
    REJECTED = "rejected"


class Cart(NamedTuple):
    skus: "tuple[str, ...]"


class Address(NamedTuple):
    lines: str


# --- built -----------------------------------------------------------------------------------------------------------


class EncryptedCard:
    def __init__(self, text: str) -> None:
        self.text = text


class Token(NamedTuple):
    text: str


class Tokens(NamedTuple):
    texts: "tuple[str, ...]"


class FreshToken(Token):
    pass


class Risk(NamedTuple):
    score: int


class Authorized(NamedTuple):
    hold: str


class Verified(NamedTuple):
    order_id: str


class Paid(NamedTuple):
    cents: int


class Declined(NamedTuple):
    why: str


class Invoice(NamedTuple):
    number: int


class Reserved(NamedTuple):
    shelf: str


class SoldOut(NamedTuple):
    sku: str


class Packed(NamedTuple):
    parcel: str


class Shipped(NamedTuple):
    tracking: str


class Refunded(NamedTuple):
    cents: int
