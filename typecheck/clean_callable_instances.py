"""An object that can be called is a builder too, once `builder` is around it."""

from polaris_dsl import builder, workflow
from typecheck.shop import Score, authorize, capture, encrypt, tokenize_card
from typecheck.shop.data import Authorized, Card, Declined, Order, Paid


class Ledger:
    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, order: Order, authorized: Authorized) -> Paid:
        return Paid(order.cents)


score = builder(Score())
book = builder(Ledger("main"), name="book")

booked = workflow(target=Paid | Declined, inputs=Order | Card, builders=[encrypt, tokenize_card, authorize, book])
scored = workflow(
    target=Paid | Declined, inputs=Order | Card, builders=[encrypt, tokenize_card, authorize, score, capture]
)
