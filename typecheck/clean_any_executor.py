"""Functions that are generic over target and inputs pass both types on."""

from typing import TypeVar, Union

from typing_extensions import assert_type

from polaris_dsl import Executor, Workflow
from typecheck.clean_branches_meet import checkout
from typecheck.clean_card_payment import card_payment
from typecheck.shop.data import Card, Cart, Invoice, Order, Otp, Paid

TargetT = TypeVar("TargetT")
InputT = TypeVar("InputT")


def started(flow: Workflow[TargetT, InputT], *data: InputT) -> Executor[TargetT, InputT]:
    payments = Executor(flow)
    payments.run("first", *data)
    return payments


assert_type(started(checkout, Cart(("1",))), Executor[Invoice, Cart])
assert_type(started(card_payment), Executor[Paid, Union[Order, Card, Otp]])
