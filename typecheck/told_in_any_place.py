"""Wherever a workflow is defined, it is judged: the type that is asked for bends nothing."""

from typing import Any, Callable, Dict, List, Optional, TypeVar, cast

from polaris_dsl import Executor, Workflow, builder, workflow
from typecheck.shop.data import Order, Otp, Paid

T = TypeVar("T")


@builder
def pay(order: Order, otp: Otp) -> Paid:
    return Paid(order.cents)


def register(flow: Workflow[Paid, Order], *, names: List[str]) -> str:
    names.append(flow.name)
    return flow.name


def same(flow: T) -> T:
    return flow


def takes_anything(flow: Any) -> None: ...


def payment() -> Workflow[Paid, Order]:
    return workflow(target=Paid, inputs=Order, builders=[pay])
    # E: polaris-missing-data: pay consumes Otp, but it is no input and no listed builder produces it
    # N: path: Otp -> pay -> Paid
    # N: help: list a builder that produces it, or feed it: inputs=Order | Otp


def untold() -> Any:
    flow = workflow(target=Paid, inputs=Order, builders=[pay])
    # E: polaris-missing-data: pay consumes Otp, but it is no input and no listed builder produces it
    # N: path: Otp -> pay -> Paid
    # N: help: list a builder that produces it, or feed it: inputs=Order | Otp
    return flow.name


is_open = bool(pay)
anything: Any = workflow(target=Paid, inputs=Order, builders=[pay])
# E: polaris-missing-data: pay consumes Otp, but it is no input and no listed builder produces it
# N: path: Otp -> pay -> Paid
# N: help: list a builder that produces it, or feed it: inputs=Order | Otp
declared: Workflow[Paid, Order] = workflow(target=Paid, inputs=Order, builders=[pay])
# E: polaris-missing-data: pay consumes Otp, but it is no input and no listed builder produces it
# N: path: Otp -> pay -> Paid
# N: help: list a builder that produces it, or feed it: inputs=Order | Otp
maybe: Optional[Workflow[Paid, Order]] = workflow(target=Paid, inputs=Order, builders=[pay])
# E: polaris-missing-data: pay consumes Otp, but it is no input and no listed builder produces it
# N: path: Otp -> pay -> Paid
# N: help: list a builder that produces it, or feed it: inputs=Order | Otp
thing: object = workflow(target=Paid, inputs=Order, builders=[pay])
# E: polaris-missing-data: pay consumes Otp, but it is no input and no listed builder produces it
# N: path: Otp -> pay -> Paid
# N: help: list a builder that produces it, or feed it: inputs=Order | Otp
register(workflow(target=Paid, inputs=Order, builders=[pay]), names=[])
# E: polaris-missing-data: pay consumes Otp, but it is no input and no listed builder produces it
# N: path: Otp -> pay -> Paid
# N: help: list a builder that produces it, or feed it: inputs=Order | Otp
takes_anything(workflow(target=Paid, inputs=Order, builders=[pay]))
# E: polaris-missing-data: pay consumes Otp, but it is no input and no listed builder produces it
# N: path: Otp -> pay -> Paid
# N: help: list a builder that produces it, or feed it: inputs=Order | Otp
same(workflow(target=Paid, inputs=Order, builders=[pay])).run(Order("1", 1))
# E: polaris-missing-data: pay consumes Otp, but it is no input and no listed builder produces it
# N: path: Otp -> pay -> Paid
# N: help: list a builder that produces it, or feed it: inputs=Order | Otp
cast("object", workflow(target=Paid, inputs=Order, builders=[pay]))
# E: polaris-missing-data: pay consumes Otp, but it is no input and no listed builder produces it
# N: path: Otp -> pay -> Paid
# N: help: list a builder that produces it, or feed it: inputs=Order | Otp
by_name: Dict[str, Workflow[Paid, Order]] = {"pay": workflow(target=Paid, inputs=Order, builders=[pay])}
# E: polaris-missing-data: pay consumes Otp, but it is no input and no listed builder produces it
# N: path: Otp -> pay -> Paid
# N: help: list a builder that produces it, or feed it: inputs=Order | Otp
several = [workflow(target=Paid, inputs=Order, builders=[pay]) for _ in range(2)]
# E: polaris-missing-data: pay consumes Otp, but it is no input and no listed builder produces it
# N: path: Otp -> pay -> Paid
# N: help: list a builder that produces it, or feed it: inputs=Order | Otp
later: Callable[[], object] = lambda: workflow(target=Paid, inputs=Order, builders=[pay])  # noqa: E731 -- the case
# E: polaris-missing-data: pay consumes Otp, but it is no input and no listed builder produces it
# N: path: Otp -> pay -> Paid
# N: help: list a builder that produces it, or feed it: inputs=Order | Otp
payments = Executor(workflow(target=Paid, inputs=Order, builders=[pay]))
# E: polaris-missing-data: pay consumes Otp, but it is no input and no listed builder produces it
# N: path: Otp -> pay -> Paid
# N: help: list a builder that produces it, or feed it: inputs=Order | Otp
either = workflow(target=Paid, inputs=Order, builders=[pay]) if is_open else None
# E: polaris-missing-data: pay consumes Otp, but it is no input and no listed builder produces it
# N: path: Otp -> pay -> Paid
# N: help: list a builder that produces it, or feed it: inputs=Order | Otp
paid = workflow(target=Paid, inputs=Order, builders=[pay]).run(Order("1", 1)).result()
# E: polaris-missing-data: pay consumes Otp, but it is no input and no listed builder produces it
# N: path: Otp -> pay -> Paid
# N: help: list a builder that produces it, or feed it: inputs=Order | Otp
print(f"{workflow(target=Paid, inputs=Order, builders=[pay])}")  # noqa: T201 -- the case
# E: polaris-missing-data: pay consumes Otp, but it is no input and no listed builder produces it
# N: path: Otp -> pay -> Paid
# N: help: list a builder that produces it, or feed it: inputs=Order | Otp
if (walrus := workflow(target=Paid, inputs=Order, builders=[pay])).name:
    # E: polaris-missing-data: pay consumes Otp, but it is no input and no listed builder produces it
    # N: path: Otp -> pay -> Paid
    # N: help: list a builder that produces it, or feed it: inputs=Order | Otp
    pass


class Flows:
    flow = workflow(target=Paid, inputs=Order, builders=[pay])
    # E: polaris-missing-data: pay consumes Otp, but it is no input and no listed builder produces it
    # N: path: Otp -> pay -> Paid
    # N: help: list a builder that produces it, or feed it: inputs=Order | Otp


class Named:
    def flow(self) -> object:
        return workflow(target=Paid, inputs=Order, builders=[pay], name="named")
        # E: polaris-missing-data: pay consumes Otp, but it is no input and no listed builder produces it
        # N: path: Otp -> pay -> Paid
        # N: help: list a builder that produces it, or feed it: inputs=Order | Otp


payment()
untold()
later()
Named().flow()
