"""What is listed but is no builder."""

import functools

from polaris_dsl import builder, workflow
from typecheck.shop.data import Order, Paid


def undecorated(order: Order) -> Paid:
    return Paid(order.cents)


def charge(order: Order, fee: int) -> Paid:
    return Paid(order.cents + fee)


by_another_name = undecorated


class Bank:
    @builder
    def pay(self, order: Order) -> Paid:
        return Paid(order.cents)


workflow(
    target=Paid,
    inputs=Order,
    builders=[
        undecorated,  # E: polaris-bad-builder: undecorated is not a builder: it is not decorated
        # N: help: write @builder above undecorated
    ],
)

workflow(
    target=Paid,
    inputs=Order,
    builders=[
        functools.partial(charge, fee=1),
        # E: polaris-bad-builder: partial is a functools.partial, whose signature hides what was filled in
        # N: help: write a small function that fills it in, with annotations and @builder above it
    ],
)

workflow(
    target=Paid,
    inputs=Order,
    builders=[
        Paid,  # E: polaris-bad-builder: Paid is a class, not a builder
        # N: help: list a function that returns one, with @builder above it
    ],
)

workflow(
    target=Paid,
    inputs=Order,
    builders=[
        Bank.pay,  # E: polaris-bad-builder: pay: it is a method without its instance
        # N: help: list the bound method of an instance: instance.method
    ],
)

workflow(
    target=Paid,
    inputs=Order,
    builders=[
        by_another_name,  # E: list-item
        # E: polaris-unchecked: which builder this is shows only when the program runs: its type is Callable[[Order],
        #    Paid]
        # R: polaris-bad-builder: undecorated is not a builder: it is not decorated
        # N: help: write @builder above undecorated
    ],
)
