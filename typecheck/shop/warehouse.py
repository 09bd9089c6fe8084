"""Everything from the shelf to the customer's door."""

from __future__ import annotations

from polaris_dsl import builder
from typecheck.shop.data import Address, Cart, Declined, Packed, Paid, Refunded, Reserved, Shipped, SoldOut


@builder
def reserve(cart: Cart) -> Reserved | SoldOut:
    return Reserved(cart.skus[0]) if cart.skus else SoldOut("")


@builder
def pack(reserved: Reserved, paid: Paid) -> Packed:
    return Packed(reserved.shelf)


@builder
def ship(packed: Packed, address: Address) -> Shipped:
    return Shipped(packed.parcel + address.lines)


@builder
def refund(sold_out: SoldOut, paid: Paid) -> Refunded:
    return Refunded(paid.cents)


@builder(name="release-shelf")
def release(reserved: Reserved, declined: Declined) -> Refunded:
    return Refunded(0)


FROM_SHELF_TO_DOOR = (reserve, pack, ship)
