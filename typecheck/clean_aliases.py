"""Aliases: of modules, data, unions and builders, and what is exported again."""

from typing import Optional, TypeVar

import typecheck.shop as the_shop
import typecheck.shop.cards
from polaris_dsl import Access, builder, workflow
from polaris_dsl import workflow as define
from typecheck.shop import data
from typecheck.shop.cards import tokenize as make_token
from typecheck.shop.data import Order as Purchase
from typecheck.shop.data import Paid, Token

Plastic = data.Card
Inputs = Purchase | Plastic

T = TypeVar("T")
Last = Access[T]
LastPaid = Optional[Last[Paid]]


@builder
def pay_once(order: Purchase, token: Token, before: LastPaid) -> data.Paid:
    return before or Paid(order.cents)


@builder
def pay(order: Purchase, token: Token) -> data.Paid:
    return Paid(order.cents)


settle = pay

one = workflow(target=Paid, inputs=Inputs, builders=[the_shop.encrypt, make_token, pay])
two = define(target=data.Paid, inputs=Inputs, builders=[typecheck.shop.cards.encrypt, the_shop.tokenize_card, settle])
pay_more = workflow(target=Paid, inputs=Inputs, builders=[the_shop.encrypt, the_shop.tokenize_card, pay_once])
