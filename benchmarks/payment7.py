"""The seven-builder payment that the durable benchmarks run: each builder makes one small data of another."""

from __future__ import annotations

import attrs

from polaris_dsl import Workflow, builder, workflow


@attrs.frozen
class Request:
    order: str
    cents: int


@attrs.frozen
class Otp:
    digits: str


@attrs.frozen
class Card:
    number: str


@attrs.frozen
class EncryptedCard:
    text: str


@attrs.frozen
class Token:
    text: str


@attrs.frozen
class Authorized:
    code: str


@attrs.frozen
class Verified:
    order: str


@attrs.frozen
class Completed:
    order: str
    cents: int


@attrs.frozen
class Invoice:
    number: str


@builder
def take_card(request: Request) -> Card:
    return Card(f"4000-{request.order}")


@builder
def encrypt_card(card: Card) -> EncryptedCard:
    return EncryptedCard(card.number[::-1])


@builder
def tokenize_card(card: EncryptedCard) -> Token:
    return Token(card.text[:8])


@builder
def authorize(token: Token, request: Request) -> Authorized:
    return Authorized(f"{token.text}/{request.cents}")


@builder
def verify_otp(authorized: Authorized, otp: Otp) -> Verified:
    return Verified(authorized.code + otp.digits)


@builder
def complete(verified: Verified, request: Request) -> Completed:
    return Completed(verified.order, request.cents)


@builder
def invoice(completed: Completed) -> Invoice:
    return Invoice(f"2026-{completed.order}")


BUILDERS = (take_card, encrypt_card, tokenize_card, authorize, verify_otp, complete, invoice)

payment: Workflow[Invoice, Request | Otp] = workflow(target=Invoice, inputs=Request | Otp, builders=BUILDERS)
