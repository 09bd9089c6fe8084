"""Builders that wait for the network are `async def`; what they make is the same."""

from __future__ import annotations

from polaris_dsl import Context, builder, workflow
from typecheck.shop.data import Address, Cart, Packed, Reserved, Shipped, SoldOut


@builder
async def reserve(cart: Cart) -> Reserved | SoldOut | None:
    return Reserved(cart.skus[0]) if cart.skus else None


class Warehouse:
    @builder
    async def pack(self, reserved: Reserved, context: Context) -> Packed:
        return Packed(context.run_id)

    @builder(name="hand-over")
    async def ship(self, packed: Packed, address: Address) -> Shipped:
        return Shipped(address.lines)


warehouse = Warehouse()

delivery = workflow(
    target=Shipped | SoldOut,
    inputs=Cart | Address,
    builders=[reserve, warehouse.pack, warehouse.ship],
)
