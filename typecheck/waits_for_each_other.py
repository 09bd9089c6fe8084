"""Reserving waits for the money, the money waits for the parcel, the parcel for the shelf."""

from typing import Optional

from polaris_dsl import builder, workflow
from typecheck.shop.data import Cart, Order, Packed, Paid, Reserved, Shipped


@builder
def reserve(cart: Cart, paid: Optional[Paid] = None) -> Reserved:
    return Reserved("")


@builder
def pack(reserved: Reserved) -> Packed:
    return Packed("")


@builder
def pay(order: Order, packed: Packed) -> Paid:
    return Paid(order.cents)


@builder
def ship(packed: Packed, paid: Paid) -> Shipped:
    return Shipped("")


workflow(
    target=Shipped,
    inputs=Cart | Order,
    builders=[
        reserve,  # E: polaris-cycle: reserve, pack and pay wait for each other
        # N: path: reserve -> Reserved -> pack -> Packed -> pay -> Paid -> reserve
        # N: help: break the loop: take one of its data as Access[...], which never orders or triggers, or list one in
        #    inputs=: that makes a loop, which goes round until nothing changes
        pack,
        pay,
        ship,
    ],
)
