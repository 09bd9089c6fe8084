"""A builder beside the way to the target can never run."""

from __future__ import annotations

from polaris_dsl import Context, builder, workflow
from typecheck.shop.data import Authorized, Declined, Invoice, Order, Paid, Risk


@builder
def authorize(order: Order) -> Authorized | Declined:
    return Authorized(order.id)


@builder
def capture(authorized: Authorized) -> Paid:
    return Paid(1)


@builder
def report(declined: Declined, paid: Paid, context: Context) -> Invoice:
    return Invoice(0)


@builder
def learn(invoice: Invoice) -> Risk:
    return Risk(0)


workflow(
    target=Paid | Declined,
    inputs=Order,
    builders=[
        authorize,
        capture,
        report,
        # E: polaris-unreachable-builder: report can never run: it consumes Declined and Paid, which no choice of
        #    alternatives makes together
        # N: path: report
        # N: help: take one of them as an optional, split the builder, or remove it
        learn,
    ],
)
