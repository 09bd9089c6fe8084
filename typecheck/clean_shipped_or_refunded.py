"""What cannot be shipped is refunded: both ends are wanted, and each is told to the customer."""

from typing import NamedTuple, Optional

from polaris_dsl import Access, Context, builder, workflow
from typecheck.shop import warehouse
from typecheck.shop.data import Address, Cart, Paid, Refunded, Shipped


class Told(NamedTuple):
    message: str


class Mail:
    def __init__(self, sender: str) -> None:
        self.sender = sender

    @builder
    async def tell(
        self, cart: Cart, shipped: Optional[Shipped], refunded: Optional[Refunded], last: Access[Told], context: Context
    ) -> Optional[Told]:
        return Told(f"{shipped or refunded}") if shipped or refunded else last


delivery = workflow(
    name="delivery",
    target=Shipped | Refunded,
    inputs=Cart | Paid | Address,
    builders=[*warehouse.FROM_SHELF_TO_DOOR, warehouse.refund, Mail("shop@example.org").tell],
)
