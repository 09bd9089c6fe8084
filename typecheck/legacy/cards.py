"""What the old shop called by the same names."""

from typing import NamedTuple

from polaris_dsl import builder
from typecheck.shop.data import Card


class Token(NamedTuple):
    digits: str


class Order(NamedTuple):
    number: int


@builder
def old_tokenize(card: Card) -> Token:
    return Token(card.number)


@builder
def take_order(card: Card) -> Order:
    return Order(len(card.number))
