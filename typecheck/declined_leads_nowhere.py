"""The bank may say no, and nothing goes on from there."""

from __future__ import annotations

from polaris_dsl import builder, workflow
from typecheck.shop.data import Authorized, Declined, Order, Otp, Paid


@builder
def authorize(order: Order) -> Authorized | Declined:
    return Authorized(order.id)


@builder
def capture(authorized: Authorized, otp: Otp) -> Paid | Declined | None:
    return Paid(1) if otp.code else None


@builder
def charge(order: Order) -> Paid:
    return Paid(order.cents)


workflow(
    target=Paid,
    inputs=Order | Otp,
    builders=[
        authorize,  # E: polaris-dead-end: when authorize returns Declined, Paid can never be reached
        # N: path: authorize -> Declined
        # N: help: list builders that lead from Declined to the target, or let it be an end: target=Paid | Declined
        capture,  # E: polaris-dead-end: when capture returns Declined, Paid can never be reached
        # N: path: capture -> Declined
        # N: help: list builders that lead from Declined to the target, or let it be an end: target=Paid | Declined
    ],
)
