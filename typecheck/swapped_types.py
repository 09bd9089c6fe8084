"""Somebody swapped the types of two parameters of two builders: each now waits for what it should not."""

from polaris_dsl import builder, workflow
from typecheck.shop.data import Address, Cart, Packed, Reserved, Shipped


@builder
def reserve(cart: Cart) -> Reserved:
    return Reserved(cart.skus[0])


@builder
def pack(packed: Packed) -> Packed:
    return packed


@builder
def ship(reserved: Reserved, address: Address) -> Shipped:
    return Shipped(address.lines)


workflow(
    target=Shipped,
    inputs=Cart | Address,
    builders=[
        reserve,
        pack,  # E: polaris-bad-builder: pack consumes its own product Packed
        # N: help: take the last one as Access[Packed], return another data, or list it in inputs=: that makes a loop
        ship,
    ],
)
