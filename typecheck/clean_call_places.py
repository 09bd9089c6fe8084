"""Wherever a workflow is defined, it is the same workflow."""

from typing import Any, Callable, Dict, List, Optional, TypeVar, cast

from polaris_dsl import Executor, Workflow, builder, workflow
from typecheck.shop.data import Order, Paid

T = TypeVar("T")


@builder
def pay(order: Order) -> Paid:
    return Paid(order.cents)


def register(flow: Workflow[Paid, Order], *, names: List[str]) -> str:
    names.append(flow.name)
    return flow.name


def same(flow: T) -> T:
    return flow


def payment() -> Workflow[Paid, Order]:
    return workflow(target=Paid, inputs=Order, builders=[pay])


class Flows:
    payment = workflow(target=Paid, inputs=Order, builders=[pay])

    def named(self) -> Workflow[Paid, Order]:
        return workflow(target=Paid, inputs=Order, builders=[pay], name="named")


anything: Any = workflow(target=Paid, inputs=Order, builders=[pay])
declared: Workflow[Paid, Order] = workflow(target=Paid, inputs=Order, builders=[pay])
maybe: Optional[Workflow[Paid, Order]] = workflow(target=Paid, inputs=Order, builders=[pay])
thing: object = workflow(target=Paid, inputs=Order, builders=[pay])
register(workflow(target=Paid, inputs=Order, builders=[pay]), names=[])
same(workflow(target=Paid, inputs=Order, builders=[pay])).run(Order("1", 1))
cast("object", workflow(target=Paid, inputs=Order, builders=[pay]))
by_name: Dict[str, Workflow[Paid, Order]] = {"pay": workflow(target=Paid, inputs=Order, builders=[pay])}
several = [workflow(target=Paid, inputs=Order, builders=[pay]) for _ in range(2)]
later: Callable[[], Workflow[Paid, Order]] = lambda: workflow(target=Paid, inputs=Order, builders=[pay])  # noqa: E731
payments = Executor(workflow(target=Paid, inputs=Order, builders=[pay]))
either = workflow(target=Paid, inputs=Order, builders=[pay]) if several else payment()
paid = workflow(target=Paid, inputs=Order, builders=[pay]).run(Order("1", 1)).result()
Flows().named()
later()
