"""The bank may say no, and that is an end of its own: the target is a union."""

from typing import Union

from typing_extensions import assert_type

from polaris_dsl import Workflow, builder, workflow
from typecheck.shop import authorize, encrypt, tokenize_card
from typecheck.shop.data import Authorized, Card, Declined, Order, Paid


@builder
def capture(order: Order, authorized: Authorized) -> Paid:
    return Paid(order.cents)


card_payment = workflow(
    target=Paid | Declined,
    inputs=Order | Card,
    builders=[encrypt, tokenize_card, authorize, capture],
)

assert_type(card_payment, Workflow[Union[Paid, Declined], Union[Order, Card]])
