"""The target needs two alternatives of one builder at once."""

from __future__ import annotations

from polaris_dsl import builder, workflow
from typecheck.shop.data import Cart, Order, Packed, Paid, Refunded, Reserved, Shipped, SoldOut


@builder
def reserve(cart: Cart) -> Reserved | SoldOut:
    return SoldOut("")


@builder
def close(reserved: Reserved, sold_out: SoldOut) -> Shipped:
    return Shipped("")


@builder
def pack(reserved: Reserved) -> Packed:
    return Packed("")


@builder
def refund(sold_out: SoldOut, order: Order) -> Refunded:
    return Refunded(order.cents)


@builder
def settle(packed: Packed, refunded: Refunded) -> Paid:
    return Paid(0)


workflow(
    target=Shipped,
    # E: polaris-unreachable-target: Shipped can never be reached: close consumes Reserved and SoldOut, which no
    #    choice of alternatives makes together
    # N: path: close -> Shipped
    # N: help: take one of them as an optional, or split close into one builder for each alternative
    inputs=Cart,
    builders=[reserve, close],
)

workflow(
    target=Paid,
    # E: polaris-unreachable-target: Paid can never be reached: settle consumes Packed and Refunded, which no choice
    #    of alternatives makes together
    # N: path: settle -> Paid
    # N: help: take one of them as an optional, or split settle into one builder for each alternative
    inputs=Cart | Order,
    builders=[settle, refund, pack, reserve],
)
