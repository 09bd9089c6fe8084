"""The same with services and names; the second is a consequence and is not told."""

from polaris_dsl import builder, workflow
from typecheck.shop import warehouse
from typecheck.shop.data import Cart, Invoice, Order, Packed, Paid, Refunded, SoldOut


class Desk:
    @builder(name="refund-packed")
    def refund(self, sold_out: SoldOut, packed: Packed) -> Refunded:
        return Refunded(0)

    @builder
    def write_off(self, refunded: Refunded) -> Invoice:
        return Invoice(0)


@builder
def pay(order: Order) -> Paid:
    return Paid(order.cents)


desk = Desk()
SHELF = (warehouse.reserve, warehouse.pack)

workflow(
    target=Packed | SoldOut,
    inputs=Cart | Order,
    builders=[
        *SHELF,
        pay,
        desk.refund,
        # E: polaris-unreachable-builder: refund-packed can never run: it consumes SoldOut and Packed, which no choice
        #    of alternatives makes together
        # N: path: refund-packed
        # N: help: take one of them as an optional, split the builder, or remove it
        desk.write_off,
    ],
)

workflow(
    target=Packed | SoldOut,
    inputs=Cart | Paid,
    builders=[
        *(warehouse.reserve, warehouse.pack, desk.refund),
        # E: polaris-unreachable-builder: refund-packed can never run: it consumes SoldOut and Packed, which no choice
        #    of alternatives makes together
        # N: path: refund-packed
        # N: help: take one of them as an optional, split the builder, or remove it
    ],
)
