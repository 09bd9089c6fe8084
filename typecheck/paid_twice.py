"""Two builders charge for the same order."""

from polaris_dsl import builder, workflow
from typecheck.shop.data import Invoice, Order, Otp, Paid


@builder
def pay(order: Order) -> Paid:
    return Paid(order.cents)


@builder
def pay_with_otp(order: Order, otp: Otp) -> Paid:
    return Paid(order.cents)


@builder
def invoice(paid: Paid) -> Invoice:
    return Invoice(paid.cents)


workflow(
    target=Invoice,
    inputs=Order | Otp,
    builders=[
        pay,
        invoice,
        pay_with_otp,  # E: polaris-ambiguous-producer: pay and pay_with_otp can both produce Paid in one run
        # N: path: Paid -> invoice -> Invoice
        # N: help: remove one of them, or make them consume different alternatives of one builder
    ],
)
