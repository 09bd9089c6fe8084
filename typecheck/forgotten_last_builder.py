"""Nobody makes the target, or one end of it."""

from polaris_dsl import builder, workflow
from typecheck.shop.data import Authorized, Declined, Invoice, Order, Paid


@builder
def authorize(order: Order) -> Authorized:
    return Authorized(order.id)


@builder
def capture(authorized: Authorized) -> Paid:
    return Paid(1)


@builder
def invoice(paid: Paid) -> Invoice:
    return Invoice(paid.cents)


workflow(
    target=Paid,  # E: polaris-no-producer: no listed builder produces the target Paid
    # N: path: Paid
    # N: help: list a builder that returns Paid
    inputs=Order,
    builders=[authorize],
)

workflow(
    target=Paid | Declined,  # E: polaris-no-producer: no listed builder produces the target Declined
    # N: path: Declined
    # N: help: list a builder that returns Declined
    inputs=Order,
    builders=[authorize, capture],
)

workflow(
    target=Paid,  # E: polaris-no-producer: no listed builder produces the target Paid
    # N: path: Paid
    # N: help: list a builder that returns Paid (also taken by invoice)
    inputs=Order,
    builders=[invoice],
)
