"""Signatures that name what is not data, each with what to write instead."""

import datetime
from decimal import Decimal
from typing import Any, Dict, List, NewType, Optional, Protocol, TypeVar, Union

from polaris_dsl import Context, builder, workflow
from typecheck.shop.data import Authorized, Cart, Order, Otp, Paid

T = TypeVar("T")
OrderId = NewType("OrderId", str)


class Priced(Protocol):
    cents: int


@builder
# E: polaris-bad-builder: pay_amount: parameter amount: Decimal is a bare scalar or container, which a flow can have
#    many of
# N: help: wrap it in a class of its own, which says what it means
def pay_amount(order: Order, amount: Decimal) -> Paid:
    return Paid(int(amount))


@builder
# E: polaris-bad-builder: pay_all: parameter orders: list[Order] is a parametrised generic, whose values cannot be
#    told apart at run time
# N: help: wrap it in a class of its own, which says what it means
def pay_all(orders: List[Order]) -> Paid:
    return Paid(len(orders))


@builder
# E: polaris-bad-builder: pay_anything: parameter thing: Any can be anything, so it says nothing; parameter other:
#    object is every object, so it says nothing
# N: help: name the class that is meant
def pay_anything(thing: Any, other: object) -> Paid:
    return Paid(0)


@builder
# E: polaris-bad-builder: pay_by_id: parameter order_id: OrderId is a NewType, whose values cannot be told apart when
#    fed
# N: help: make it a class: class OrderId: ...
def pay_by_id(order_id: OrderId) -> Paid:
    return Paid(0)


@builder
# E: polaris-bad-builder: pay_priced: parameter priced: Priced is a Protocol, and data are matched by their exact
#    class
# N: help: name the class that implements it
def pay_priced(priced: Priced) -> Paid:
    return Paid(priced.cents)


@builder
# E: polaris-bad-builder: pay_either: parameter thing: Order | Cart is a choice of several classes, where one data is
#    meant
# N: help: take each of them as an optional of its own
def pay_either(thing: Union[Order, Cart]) -> Paid:
    return Paid(0)


@builder
# E: polaris-bad-builder: pay_generic: parameter thing: T is a type variable, and data are matched by their exact
#    class
# N: help: name the class that is meant
def pay_generic(thing: T, order: Order) -> Paid:
    return Paid(0)


@builder
# E: polaris-bad-builder: pay_when: parameter when: date is a bare scalar or container, which a flow can have many of;
#    it returns dict[str, Paid], which is a parametrised generic, whose values cannot be told apart at run time
# N: help: wrap it in a class of its own, which says what it means
def pay_when(order: Order, when: Optional[datetime.date] = None) -> Dict[str, Paid]:
    return {}


@builder
# E: polaris-bad-builder: tell: it returns str, which is a bare scalar or container, which a flow can have many of
# N: help: wrap it in a class of its own, which says what it means
def tell(order: Order, context: Context) -> str:
    return context.run_id


workflow(target=Paid, inputs=Order, builders=[pay_amount])
workflow(target=Paid, inputs=Order, builders=[pay_all])
workflow(target=Paid, inputs=Order, builders=[pay_anything])
workflow(target=Paid, inputs=Order, builders=[pay_by_id])
workflow(target=Paid, inputs=Order, builders=[pay_priced])
workflow(target=Paid, inputs=Order | Cart, builders=[pay_either])
workflow(target=Paid, inputs=Order, builders=[pay_generic])
workflow(target=Paid, inputs=Order, builders=[pay_when])
workflow(target=Paid, inputs=Order | Otp | Authorized, builders=[tell])
