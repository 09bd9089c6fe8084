"""Lists that cannot be read give no false error, and say why they are not judged."""

from typing import List, Sequence

from polaris_dsl import Builder, builder, workflow
from typecheck.shop.data import Authorized, Order, Paid


@builder
def authorize(order: Order) -> Authorized:
    return Authorized(order.id)


@builder
def capture(authorized: Authorized) -> Paid:
    return Paid(1)


@builder
def charge(order: Order) -> Paid:
    return Paid(order.cents)


at_once = bool(charge)
in_a_list: List[Builder[..., object]] = [authorize, capture]
unlike = [authorize, capture]


def of(builders: Sequence[Builder[..., object]]) -> object:
    return workflow(target=Paid, inputs=Order, builders=builders)
    # E: polaris-unchecked: the type Sequence[Builder[..., object]] does not say which builders it holds


workflow(target=Paid, inputs=Order, builders=in_a_list)
# E: polaris-unchecked: the type list[Builder[..., object]] does not say which builders it holds
workflow(target=Paid, inputs=Order, builders=unlike)
# E: polaris-unchecked: the type list[object] does not say which builders it holds
workflow(target=Paid, inputs=Order, builders=[*in_a_list])
# E: polaris-unchecked: the type list[Builder[..., object]] does not say which builders it holds
workflow(target=Paid, inputs=Order, builders=[item for item in in_a_list])  # noqa: C416 -- the case
# E: polaris-unchecked: the type list[Builder[..., object]] does not say which builders it holds
workflow(target=Paid, inputs=Order, builders=[charge] if at_once else [authorize, capture])
# E: polaris-unchecked: the type list[Builder[[Order], Paid]] | list[object] does not say which builders it holds
workflow(target=Paid, inputs=Order, builders=[in_a_list[0], capture])
# E: polaris-unchecked: builder 1: its signature is hidden by a decorator or by Builder[..., R]
of([authorize, capture])
