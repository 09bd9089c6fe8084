"""A workflow's name is a directory of its store."""

from polaris_dsl import builder, workflow
from typecheck.shop.data import Order, Paid


@builder
def pay(order: Order) -> Paid:
    return Paid(order.cents)


workflow(
    name="card payment",
    # E: polaris-bad-name: 'card payment' cannot be the name of a workflow, which is a directory of its store
    # N: help: use 1 to 64 letters, digits, "_", "." or "-": name="card-payment"
    target=Paid,
    inputs=Order,
    builders=[pay],
)

workflow(
    name="../payments",
    # E: polaris-bad-name: '../payments' cannot be the name of a workflow, which is a directory of its store
    # N: help: use 1 to 64 letters, digits, "_", "." or "-": name="card-payment"
    target=Paid,
    inputs=Order,
    builders=[pay],
)

workflow(name="", target=Paid, inputs=Order, builders=[pay])
# E: polaris-bad-name: '' cannot be the name of a workflow, which is a directory of its store
# N: help: use 1 to 64 letters, digits, "_", "." or "-": name="card-payment"
workflow(name="..", target=Paid, inputs=Order, builders=[pay])
# E: polaris-bad-name: '..' cannot be the name of a workflow, which is a directory of its store
# N: help: use 1 to 64 letters, digits, "_", "." or "-": name="card-payment"
workflow(
    name="a-name-that-is-longer-than-sixty-four-letters-is-too-long-for-any-directory",
    # E: polaris-bad-name: 'a-name-that-is-longer-than-sixty-four-letters-is-too-long-for-any-directory' cannot be the
    #    name of a workflow, which is a directory of its store
    # N: help: use 1 to 64 letters, digits, "_", "." or "-": name="card-payment"
    target=Paid,
    inputs=Order,
    builders=[pay],
)
