"""What cannot be transient: the target, what is not there, what is no data."""

from typing import Any

from polaris_dsl import Workflow, builder, workflow
from typecheck.shop.data import Order, Otp, Paid, Token, Tokens


@builder
def tokenize(order: Order) -> Token:
    return Token(order.id)


@builder
def pay(token: Token) -> Paid:
    return Paid(1)


workflow(
    target=Paid,
    inputs=Order,
    builders=[tokenize, pay],
    transient=Order | Paid,
    # E: polaris-bad-transient: the target Paid cannot be transient: a run would not know any more that it is complete
    # N: help: remove it (transient=Order)
)
workflow(
    target=Paid,
    inputs=Order,
    builders=[tokenize, pay],
    transient=Otp,
    # E: polaris-bad-transient: the transient Otp is neither an input nor produced by any listed builder
    # N: help: remove it (leave out transient=), or list what makes or takes it
)
workflow(
    target=Paid,
    inputs=Order,
    builders=[tokenize, pay],
    transient=Tokens,
    # E: polaris-bad-transient: the transient Tokens is neither an input nor produced by any listed builder
    # N: help: tokenize produces Token: was that meant?
)
workflow(
    target=Paid,
    inputs=Order,
    builders=[tokenize, pay],
    transient=str,
    # E: polaris-bad-transient: the transient str is a bare scalar or container, which a flow can have many of
    # N: help: wrap it in a class of its own, which says what it means
)
workflow(
    target=Paid,
    inputs=Order,
    builders=[tokenize, pay],
    transient=[Order, Token],
    # E: polaris-bad-transient: transient= takes a class or a union of classes, not a list
    # N: help: write transient=Order | Token
)


def briefly(transient: Any) -> Workflow[Paid, Order]:
    return workflow(target=Paid, inputs=Order, builders=[tokenize, pay], transient=transient)
    # E: polaris-unchecked: which class this is shows only when the program runs: its type is Any


briefly(Order)
workflow(target=Paid, inputs=Order, builders=[tokenize, pay], transient=None, timeout_s=None)
