"""Each choice alone is fine; only their combination leads nowhere."""

from __future__ import annotations

from typing import NamedTuple

from polaris_dsl import builder, workflow
from typecheck.shop.data import Cart, Order, Paid, Reserved, SoldOut


class Rich(NamedTuple):
    cents: int


class Poor(NamedTuple):
    cents: int


@builder
def look_at_account(order: Order) -> Rich | Poor:
    return Rich(order.cents)


@builder
def reserve(cart: Cart) -> Reserved | SoldOut:
    return SoldOut("")


@builder
def pay(poor: Poor, reserved: Reserved) -> Paid:
    return Paid(poor.cents)


@builder
def pay_anyway(rich: Rich) -> Paid:
    return Paid(rich.cents)


workflow(
    target=Paid,
    inputs=Order | Cart,
    builders=[
        reserve,
        # E: polaris-dead-end: when reserve returns SoldOut and look_at_account returns Poor, Paid can never be
        #    reached
        # N: path: reserve -> SoldOut -> look_at_account -> Poor
        # N: help: list builders that lead from Poor to the target, or let it be an end: target=Paid | Poor
        look_at_account,
        pay,
        pay_anyway,
    ],
)
