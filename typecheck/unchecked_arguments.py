"""Targets, inputs and names that only the run time knows."""

from typing import Any, Type, TypeVar

from polaris_dsl import Workflow, builder, workflow
from typecheck.shop.data import Order, Paid

T = TypeVar("T")


@builder
def pay(order: Order) -> Paid:
    return Paid(order.cents)


def towards(target: Type[T]) -> Workflow[T, Order]:
    return workflow(target=target, inputs=Order, builders=[pay])
    # E: polaris-unchecked: which class this is shows only when the program runs: its type is type[T]


def fed(inputs: Any) -> Workflow[Paid, Any]:
    return workflow(target=Paid, inputs=inputs, builders=[pay])
    # E: polaris-unchecked: which class this is shows only when the program runs: its type is Any


def called(name: str) -> Workflow[Paid, Order]:
    return workflow(target=Paid, inputs=Order, builders=[pay], name=name)
    # E: polaris-unchecked: which name this is shows only when the program runs: its type is str


def limited(limit: float) -> Workflow[Paid, Order]:
    return workflow(target=Paid, inputs=Order, builders=[pay], timeout_s=limit)
    # E: polaris-unchecked: how many seconds these are shows only when the program runs


arguments: Any = {"target": Paid, "inputs": Order, "builders": [pay]}

towards(Paid)
fed(Order)
called("card-payment")
limited(2.5)
workflow(**arguments)  # E: polaris-unchecked: what is given by ** shows only when the program runs
