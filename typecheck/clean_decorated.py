"""Other decorators may stand below `@builder`, as long as they keep the signature."""

import functools
from typing import Callable, TypeVar

from typing_extensions import ParamSpec

from polaris_dsl import builder, workflow
from typecheck.shop.data import Order, Otp, Paid, Verified

P = ParamSpec("P")
R = TypeVar("R")


def logged(function: Callable[P, R]) -> Callable[P, R]:
    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        return function(*args, **kwargs)

    return wrapper


def retried(times: int) -> Callable[[Callable[P, R]], Callable[P, R]]:
    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        return logged(function) if times else function

    return decorate


@builder
@logged
def verify(order: Order, otp: Otp) -> Verified:
    return Verified(order.id)


class Till:
    @builder(name="pay")
    @retried(3)
    def take_money(self, order: Order, verified: Verified) -> Paid:
        return Paid(order.cents)


payment = workflow(target=Paid, inputs=Order | Otp, builders=[Till().take_money, verify])
