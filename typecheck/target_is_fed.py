"""A target that is only fed is made by nobody."""

from polaris_dsl import builder, workflow
from typecheck.shop.data import Order, Paid


@builder
def pay(order: Order) -> Paid:
    return Paid(order.cents)


workflow(
    target=Order,  # E: polaris-no-producer: no listed builder produces the target Order
    # N: path: Order
    # N: help: list a builder that returns Order
    inputs=Order,
    builders=[pay],
)
