"""What is wanted must be data."""

from typing import Any, List, NewType, Optional, Protocol, TypedDict

from polaris_dsl import Access, Context, builder, workflow
from typecheck.shop.data import Declined, Order, Paid

Number = NewType("Number", int)
LastPaid = Access[Paid]


class Receipt(TypedDict):
    cents: int


class Payable(Protocol):
    def pay(self) -> Paid: ...


@builder
def pay(order: Order) -> Paid:
    return Paid(order.cents)


workflow(target=str, inputs=Order, builders=[pay])
# E: polaris-bad-target: the target str is a bare scalar or container, which a flow can have many of
# N: help: wrap it in a class of its own, which says what it means
workflow(target=List[Paid], inputs=Order, builders=[pay])
# E: polaris-bad-target: the target list[Paid] is a parametrised generic, whose values cannot be told apart at run
#    time
# N: help: wrap it in a class of its own, which says what it means
workflow(target=Optional[Paid], inputs=Order, builders=[pay])
# E: polaris-bad-target: the target None is the absence of data
# N: help: leave out None: a run says itself what is not there
workflow(target=Number, inputs=Order, builders=[pay])
# E: polaris-bad-target: the target Number is a NewType, whose values cannot be told apart when fed
# N: help: make it a class: class Number: ...
workflow(target=Receipt, inputs=Order, builders=[pay])
# E: polaris-bad-target: the target Receipt is a TypedDict, whose values are plain dicts and cannot be told apart
# N: help: make it a dataclass: class Receipt: ...
workflow(target=Payable, inputs=Order, builders=[pay])
# E: polaris-bad-target: the target Payable is a Protocol, and data are matched by their exact class
# N: help: name the class that implements it
workflow(target=object, inputs=Order, builders=[pay])
# E: polaris-bad-target: the target object is every object, so it says nothing
# N: help: name the class that is meant
workflow(target=Any, inputs=Order, builders=[pay])
# E: polaris-bad-target: the target Any can be anything, so it says nothing
# N: help: name the class that is meant
workflow(target=Context, inputs=Order, builders=[pay])
# E: polaris-bad-target: the target Context describes the call and is not data
# N: help: take it as a parameter; it is never made or fed
workflow(target=Paid | int, inputs=Order, builders=[pay])
# E: polaris-bad-target: the target int is a bare scalar or container, which a flow can have many of
# N: help: wrap it in a class of its own, which says what it means
workflow(target=Declined | None, inputs=Order, builders=[pay])
# E: polaris-bad-target: the target None is the absence of data
# N: help: leave out None: a run says itself what is not there
# E: polaris-no-producer: no listed builder produces the target Declined
# N: path: Declined
# N: help: list a builder that returns Declined
workflow(target=LastPaid, inputs=Order, builders=[pay])
# E: polaris-bad-target: the target Access[Paid] is how a parameter reads a data
# N: help: write the class itself, or Access[...] of it as a parameter
workflow(target=Access[Paid], inputs=Order, builders=[pay])  # E: misc
# E: polaris-bad-target: the target Access[Paid] is how a parameter reads a data
# N: help: write the class itself, or Access[...] of it as a parameter
