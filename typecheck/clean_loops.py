"""Loops that begin with what is fed: of two builders, of one, and one within another."""

from typing import Optional

from polaris_dsl import builder, workflow
from typecheck.shop.data import Cart, Order, Packed, Paid, Reserved, Risk


@builder
def reserve(cart: Cart, paid: Paid) -> Reserved:
    return Reserved("")


@builder
def pay(order: Order, reserved: Reserved) -> Paid:
    return Paid(order.cents)


@builder
def pack(reserved: Reserved, risk: Optional[Risk]) -> Packed:
    return Packed("")


@builder
def judge(packed: Packed, before: Risk) -> Risk:
    return before


workflow(target=Reserved, inputs=Cart | Order | Paid, builders=[reserve, pay])
workflow(target=Packed, inputs=Reserved | Risk, builders=[pack, judge])
workflow(target=Packed, inputs=Cart | Order | Paid | Risk, builders=[judge, pack, pay, reserve])
