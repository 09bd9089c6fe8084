"""A decorator that keeps no signature hides what the builder takes."""

from typing import Any, Callable

from polaris_dsl import builder, workflow
from typecheck.shop.data import Order, Paid


def logged(function: Callable[..., Paid]) -> Callable[..., Paid]:
    def wrapper(*args: Any, **kwargs: Any) -> Paid:
        return function(*args, **kwargs)

    return wrapper


@builder
@logged
def pay(order: Order) -> Paid:
    return Paid(order.cents)


workflow(
    target=Paid,
    inputs=Order,
    builders=[
        pay,  # E: polaris-unchecked: pay: its signature is hidden by a decorator or by Builder[..., R]
        # R: polaris-bad-builder: wrapper: *args does not say which data it takes; **kwargs does not say which data it
        #    takes
        # N: help: give every data a parameter of its own; if a decorator hides them, let it use functools.wraps
    ],
)
