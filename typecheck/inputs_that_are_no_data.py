"""What is fed must be data."""

import abc
import datetime
from typing import Dict, NewType, Union

from polaris_dsl import Access, builder, workflow
from typecheck.shop.data import Order, Otp, Paid

OrderId = NewType("OrderId", str)


class Money(abc.ABC):
    @abc.abstractmethod
    def cents(self) -> int: ...


@builder
def pay(order: Order) -> Paid:
    return Paid(order.cents)


workflow(target=Paid, inputs=Order | str, builders=[pay])
# E: polaris-bad-input: the input str is a bare scalar or container, which a flow can have many of
# N: help: wrap it in a class of its own, which says what it means
workflow(target=Paid, inputs=Union[Order, OrderId], builders=[pay])
# E: polaris-bad-input: the input OrderId is a NewType, whose values cannot be told apart when fed
# N: help: make it a class: class OrderId: ...
workflow(target=Paid, inputs=Dict[str, Order], builders=[pay])
# E: polaris-bad-input: the input dict[str, Order] is a parametrised generic, whose values cannot be told apart at run
#    time
# N: help: wrap it in a class of its own, which says what it means
workflow(target=Paid, inputs=Order | Money, builders=[pay])
# E: polaris-bad-input: the input Money is an abstract class, and data are matched by their exact class
# N: help: name the class that implements it
workflow(target=Paid, inputs=Order | datetime.datetime, builders=[pay])
# E: polaris-bad-input: the input datetime is a bare scalar or container, which a flow can have many of
# N: help: wrap it in a class of its own, which says what it means
workflow(target=Paid, inputs=Order | Otp | None, builders=[pay])
# E: polaris-bad-input: the input None is the absence of data
# N: help: leave out None: a run says itself what is not there
# E: polaris-unused-input: no listed builder takes the input Otp
# N: help: remove it (inputs=Order), or list the builder that takes it
workflow(target=Paid, inputs=[Order, Otp], builders=[pay])
# E: polaris-bad-input: inputs= takes a class or a union of classes, not a list
# N: help: write inputs=Order | Otp
# E: polaris-unused-input: no listed builder takes the input Otp
# N: help: remove it (inputs=Order), or list the builder that takes it
workflow(target=Paid, inputs=[Access[Order]], builders=[pay])  # E: misc
# E: polaris-bad-input: the input Access[Order] is how a parameter reads a data
# N: help: write the class itself, or Access[...] of it as a parameter
# E: polaris-bad-input: inputs= takes a class or a union of classes, not a list
# N: help: write inputs=Access[Order]
