"""One builder branches; two others, one for each alternative, make the same data again."""

from __future__ import annotations

from polaris_dsl import builder, workflow
from typecheck.shop.data import Cart, Invoice, Paid, Refunded, Reserved, Shipped, SoldOut


@builder
def reserve(cart: Cart) -> Reserved | SoldOut:
    return Reserved(cart.skus[0]) if cart.skus else SoldOut("")


@builder
def ship(reserved: Reserved) -> Shipped:
    return Shipped(reserved.shelf)


@builder
def bill(shipped: Shipped) -> Paid:
    return Paid(1)


@builder
def give_back(sold_out: SoldOut) -> Refunded:
    return Refunded(1)


@builder
def bill_nothing(refunded: Refunded) -> Paid:
    return Paid(0)


@builder
def invoice(paid: Paid, shipped: Shipped | None) -> Invoice:
    return Invoice(paid.cents)


checkout = workflow(target=Invoice, inputs=Cart, builders=[invoice, bill, bill_nothing, reserve, ship, give_back])
