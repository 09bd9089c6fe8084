"""Annotations may name what is defined further down: they are read when `workflow()` is called."""

from __future__ import annotations

from typing import NamedTuple, Optional

from polaris_dsl import Access, builder, workflow


@builder
def quote(cart: Basket, coupon: Optional[Coupon] = None) -> Quote:
    return Quote(cart.cents)


@builder
def pay(quote: "Quote", before: Access["Settled"]) -> "Settled":  # noqa: UP037 -- the case
    return Settled(quote.cents)


class Basket(NamedTuple):
    cents: int


class Coupon(NamedTuple):
    code: str


class Quote(NamedTuple):
    cents: int


class Settled(NamedTuple):
    cents: int


checkout = workflow(target=Settled, inputs=Basket | Coupon, builders=[quote, pay])
