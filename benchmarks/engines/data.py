"""The data of the payment in `payment7.py`, for engines whose environments do not have this library."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Request:
    order: str
    cents: int


@dataclass(frozen=True)
class Otp:
    digits: str


@dataclass(frozen=True)
class Card:
    number: str


@dataclass(frozen=True)
class EncryptedCard:
    text: str


@dataclass(frozen=True)
class Token:
    text: str


@dataclass(frozen=True)
class Authorized:
    code: str


@dataclass(frozen=True)
class Verified:
    order: str


@dataclass(frozen=True)
class Completed:
    order: str
    cents: int


@dataclass(frozen=True)
class Invoice:
    number: str
