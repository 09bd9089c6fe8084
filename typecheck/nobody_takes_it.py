"""Inputs that no builder takes."""

from typing import Union

from polaris_dsl import builder, workflow
from typecheck.shop.data import Address, Cart, Invoice, Order, Otp, Paid

Everything = Union[Order, Otp, Cart]


@builder
def pay(order: Order) -> Paid:
    return Paid(order.cents)


@builder
def read_ledger() -> Invoice:
    return Invoice(0)


workflow(
    target=Paid,
    inputs=Order | Otp,  # E: polaris-unused-input: no listed builder takes the input Otp
    # N: help: remove it (inputs=Order), or list the builder that takes it
    builders=[pay],
)

workflow(
    target=Paid,
    inputs=Everything,  # E: polaris-unused-input: no listed builder takes the input Otp
    # N: help: remove it (inputs=Order), or list the builder that takes it
    # E: polaris-unused-input: no listed builder takes the input Cart
    builders=[pay],
)

workflow(
    target=Invoice,
    inputs=Address,  # E: polaris-unused-input: no listed builder takes the input Address
    # N: help: remove it (leave out inputs=), or list the builder that takes it
    builders=[read_ledger],
)
