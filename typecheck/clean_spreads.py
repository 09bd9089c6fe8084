"""What several workflows share is spread into their lists: tuples, nested, added up, from another module."""

from typing import Final

from polaris_dsl import builder, workflow
from typecheck.shop import CARD_BUILDERS, cards, warehouse
from typecheck.shop.data import Address, Card, Cart, Invoice, Order, Paid, Shipped, SoldOut, Token


@builder
def pay(order: Order, token: Token) -> Paid:
    return Paid(order.cents)


@builder
def invoice(paid: Paid) -> Invoice:
    return Invoice(paid.cents)


MONEY: Final = (*CARD_BUILDERS, pay)
BOOKED = (*MONEY, invoice)
PAIR = (cards.encrypt, cards.tokenize)
BOOKS = (pay, invoice)

payment = workflow(target=Paid, inputs=Order | Card, builders=[*MONEY])
as_a_tuple = workflow(target=Paid, inputs=Order | Card, builders=MONEY)
added = workflow(target=Invoice, inputs=Order | Card, builders=[*(PAIR + BOOKS)])
nested = workflow(target=Paid, inputs=Order | Card, builders=[*(*PAIR, *(pay,))])
checkout = workflow(
    target=Shipped | SoldOut,
    inputs=Order | Card | Cart | Address,
    builders=[*BOOKED, *warehouse.FROM_SHELF_TO_DOOR],
)
