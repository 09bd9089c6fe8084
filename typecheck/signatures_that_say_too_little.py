"""Signatures that do not say which data they take or make."""

from polaris_dsl import builder, workflow
from typecheck.shop.data import Authorized, Invoice, Order, Paid


@builder  # E: polaris-bad-builder: untyped: parameter order has no annotation
# N: help: annotate order with the class of its data
def untyped(order) -> Paid:  # E: no-untyped-def
    return Paid(order.cents)


@builder  # E: polaris-bad-builder: without_return: it has no return annotation
# N: help: annotate what it returns with the class of its data
def without_return(order: Order):  # E: no-untyped-def
    return Paid(order.cents)


@builder  # E: polaris-bad-builder: returns_none: it returns only None
# N: help: return a data that says what was done, such as MailSent
def returns_none(order: Order) -> None:
    pass


@builder  # E: polaris-bad-builder: takes_all: *orders does not say which data it takes
# N: help: give every data a parameter of its own; if a decorator hides them, let it use functools.wraps
def takes_all(*orders: Order) -> Paid:
    return Paid(len(orders))


@builder  # E: polaris-bad-builder: takes_any_keyword: **orders does not say which data it takes
# N: help: give every data a parameter of its own; if a decorator hides them, let it use functools.wraps
def takes_any_keyword(**orders: Order) -> Paid:
    return Paid(len(orders))


@builder
def capture(authorized: Authorized) -> Invoice:
    return Invoice(1)


workflow(target=Paid, inputs=Order, builders=[untyped])
workflow(target=Paid, inputs=Order, builders=[without_return])
workflow(target=Paid, inputs=Order, builders=[returns_none])
workflow(target=Paid, inputs=Order, builders=[takes_all])
workflow(target=Paid, inputs=Order, builders=[takes_any_keyword])
workflow(target=Invoice, inputs=Order, builders=[without_return, capture])
