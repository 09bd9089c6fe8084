"""Two banks are asked. One may decline; that both do was not thought of."""

from __future__ import annotations

from typing import NamedTuple

from polaris_dsl import builder, workflow
from typecheck.shop.data import Authorized, Declined, Order, Paid, Risk


class Approved(NamedTuple):
    by: str


class Refused(NamedTuple):
    by: str


@builder
def ask_bank(order: Order) -> Authorized | Declined:
    return Authorized(order.id)


@builder
def ask_lender(declined: Declined) -> Approved | Refused:
    return Refused(declined.why)


@builder
def capture(authorized: Authorized) -> Paid:
    return Paid(1)


@builder
def lend(approved: Approved) -> Paid:
    return Paid(2)


@builder
def ask_both(order: Order, risk: Risk) -> Approved | Refused:
    return Approved(order.id)


workflow(
    target=Paid,
    inputs=Order,
    builders=[
        ask_lender,  # E: polaris-dead-end: when ask_lender returns Refused, Paid can never be reached
        # N: path: ask_lender -> Refused
        # N: help: list builders that lead from Refused to the target, or let it be an end: target=Paid | Refused
        ask_bank,
        capture,
        lend,
    ],
)
