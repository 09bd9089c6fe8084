"""Nobody said that one-time passwords are fed; two builders take them."""

from typing import Optional

from polaris_dsl import Access, builder, workflow
from typecheck.shop.data import Order, Otp, Paid, Verified


@builder
def verify(order: Order, otp: Otp) -> Verified:
    return Verified(order.id)


@builder
def charge(order: Order, verified: Verified, otp: Optional[Otp]) -> Paid:
    return Paid(order.cents)


@builder
def charge_blindly(order: Order, otp: Access[Otp]) -> Paid:
    return Paid(order.cents)


workflow(
    target=Paid,
    inputs=Order,
    builders=[
        charge,
        # E: polaris-missing-data: charge takes Otp as an optional, but it is no input and no listed builder produces
        #    it
        # N: path: Otp -> charge -> Paid
        # N: help: list a builder that produces it, or feed it: inputs=Order | Otp (also taken by verify)
        verify,
    ],
)

workflow(
    target=Paid,
    builders=[
        charge_blindly,
        # E: polaris-missing-data: charge_blindly consumes Order, but it is no input and no listed builder produces it
        # N: path: Order -> charge_blindly -> Paid
        # N: help: list a builder that produces it, or feed it: inputs=Order
        # E: polaris-missing-data: charge_blindly accesses Otp, but it is no input and no listed builder produces it
        # N: path: Otp -> charge_blindly -> Paid
        # N: help: list a builder that produces it, or feed it: inputs=Otp
    ],
)
