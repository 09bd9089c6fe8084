"""Items whose types say too little."""

from typing import Any, Callable

from polaris_dsl import Builder, builder, workflow
from typecheck.shop.data import Authorized, Order, Paid


@builder
def authorize(order: Order) -> Authorized:
    return Authorized(order.id)


@builder
def capture(authorized: Authorized) -> Paid:
    return Paid(1)


@builder
def capture_slowly(authorized: Authorized) -> Paid:
    return Paid(1)


slowly = bool(capture)
anything: Any = capture
some: Builder[..., object] = capture
of_paid: Callable[[], Builder[..., Paid]] = lambda: capture  # noqa: E731 -- the case

workflow(target=Paid, inputs=Order, builders=[authorize, anything])
# E: polaris-unchecked: which builder this is shows only when the program runs: its type is Any
workflow(target=Paid, inputs=Order, builders=[authorize, some])
# E: polaris-unchecked: some: its signature is hidden by a decorator or by Builder[..., R]
workflow(target=Paid, inputs=Order, builders=[authorize, of_paid()])
# E: polaris-unchecked: of_paid(...): its signature is hidden by a decorator or by Builder[..., R]
workflow(target=Paid, inputs=Order, builders=[authorize, capture_slowly if slowly else capture])
# E: polaris-unchecked: which builder this is shows only when the program runs: its type is Builder[[Authorized],
#    Paid]
