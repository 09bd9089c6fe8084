"""A diagnostic is ignored where it stands, or on the first line of the call, by its sub-code."""

from polaris_dsl import builder, workflow
from typecheck.shop.data import Invoice, Order, Otp, Paid


@builder
def pay(order: Order, otp: Otp) -> Paid:
    return Paid(order.cents)


@builder
def invoice(paid: Paid) -> Invoice:
    return Invoice(paid.cents)


workflow(
    target=Paid,
    inputs=Order,
    builders=[
        pay,  # type: ignore[polaris-missing-data]
        # R: polaris-missing-data: pay consumes Otp, but it is no input and no listed builder produces it
        # N: path: Otp -> pay -> Paid
        # N: help: list a builder that produces it, or feed it: inputs=Order | Otp
    ],
)

workflow(  # type: ignore[polaris-missing-data]
    target=Paid,
    inputs=Order,
    builders=[
        pay,
        # R: polaris-missing-data: pay consumes Otp, but it is no input and no listed builder produces it
        # N: path: Otp -> pay -> Paid
        # N: help: list a builder that produces it, or feed it: inputs=Order | Otp
    ],
)

workflow(
    target=Invoice,  # type: ignore[polaris-no-producer]
    # R: polaris-no-producer: no listed builder produces the target Invoice
    # N: path: Invoice
    # N: help: list a builder that returns Invoice
    inputs=Order | Otp,
    builders=[
        pay,
    ],
)

workflow(
    name="an invoice",  # type: ignore[polaris-bad-name]
    # R: polaris-bad-name: 'an invoice' cannot be the name of a workflow, which is a directory of its store
    # N: help: use 1 to 64 letters, digits, "_", "." or "-": name="card-payment"
    target=Invoice,
    inputs=Order | Otp,
    builders=[
        pay,
        invoice,
        pay,  # E: polaris-duplicate-builder: pay is listed twice
        # N: help: remove one of the two
    ],
)

workflow(
    target=Invoice,
    inputs=Order | Otp,
    builders=[
        pay,
        invoice,  # type: ignore[polaris-missing-data]  # E: unused-ignore
    ],
)
