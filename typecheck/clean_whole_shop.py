"""From the card to the door: payment and delivery in one workflow, with services, spreads and branches."""

from polaris_dsl import builder, workflow
from typecheck.shop import CARD_BUILDERS, Bank, Score, warehouse
from typecheck.shop.data import (
    Address,
    Card,
    Cart,
    Declined,
    Invoice,
    Order,
    Otp,
    Packed,
    Paid,
    Refunded,
    Reserved,
    Shipped,
    SoldOut,
)

bank = Bank()


@builder
def keep_shelf(reserved: Reserved, declined: Declined) -> Refunded:
    return Refunded(0)


@builder
def invoice(order: Order, paid: Paid) -> Invoice:
    return Invoice(paid.cents)


@builder
def notify(packed: Packed) -> Shipped:
    return Shipped(packed.parcel)


whole_shop = workflow(
    name="whole-shop",
    target=Shipped | Refunded | Declined | SoldOut,
    inputs=Order | Card | Otp | Cart | Address,
    builders=[
        *CARD_BUILDERS,
        bank.authorize,
        bank.verify,
        bank.capture,
        builder(Score()),
        *warehouse.FROM_SHELF_TO_DOOR,
        keep_shelf,
        invoice,
    ],
)
