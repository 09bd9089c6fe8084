"""Mistakes that any type checker finds, without a plugin."""

from typing import NamedTuple, Optional

from polaris_dsl import Access, Executor, Hook, Retry, builder, workflow
from polaris_dsl.hooks import DataBuilt


class Order(NamedTuple):
    id: str


class Otp(NamedTuple):
    code: str


class Token(NamedTuple):
    text: str


class Paid(NamedTuple):
    cents: int


@builder
def tokenize(order: Order) -> Token:
    return Token(order.id)


@builder
def pay(token: Token, otp: Otp, before: Access[Paid]) -> Paid:
    return Paid(before.cents)  # E: union-attr


class Bank:
    @builder
    def pay(self, token: Token) -> Paid:
        return Paid(1)

    @builder
    def refund(paid: Paid) -> Otp:  # noqa: N805  # E[pyrefly, pyright, zuban]: mypy and ty ask less of decorated ones
        return Otp("")


def undecorated(order: Order) -> Token:
    return Token(order.id)


# Only builders can be listed.
workflow(target=Paid, inputs=Order | Otp, builders=[undecorated, pay])  # E: list-item
workflow(target=Paid, inputs=Order | Otp, builders=[Token, pay])  # E: list-item
workflow(target=Paid, inputs=Order | Otp, builders=["tokenize", pay])  # E: list-item
workflow(target=Paid, inputs=Order | Otp, builders=tokenize)  # E: arg-type

# All is given by keyword, and nothing may be left out but inputs= and name=.
workflow(Paid, Order | Otp, [tokenize, pay])  # E: call-overload
workflow(inputs=Order | Otp, builders=[tokenize, pay])  # E: call-overload

# Options are what they are.
builder(timeout_s="3")  # E: call-overload
builder(tokenize, retry=3)  # E: call-overload
Retry(3)  # E: call-arg
Retry(on=Order)  # E: arg-type
workflow(target=Paid, inputs=Order | Otp, builders=[tokenize, pay], timeout_s="3")  # E: call-overload

payment = workflow(target=Paid, inputs=Order | Otp, builders=[tokenize, pay])
payments = Executor(payment)

# Only inputs can be fed.
payment.run(Order("1"), Token("2"))  # E: arg-type
payments.run("order-1", Paid(1))  # E: arg-type
payments.run("order-1", Order("1"), None)  # E: arg-type
payments.run("order-1", Order)  # E: arg-type
payments.feed("order-1", "123456")  # E: arg-type
payments.run(7, Order("1"))  # E: arg-type
payments.run(Order("1"))  # E: arg-type
Executor(payment, None, 8)  # E: call-arg

# A builder is settled, or its name, and something is said of it.
payments.settle("order-1", undecorated, Token("1"))  # E: arg-type
payments.settle("order-1", tokenize)  # E: call-arg

# A run knows its types.
run = payments.run("order-1")
run.target.cents  # E: union-attr
token: Otp = run[Token]  # E: assignment
maybe: Token = run.get(Token)  # E: assignment
otp: Otp = run.result()  # E: assignment
run.target = Paid(1)  # E: misc
run["Token"]  # E: index

# A builder is called with its own signature, and it hides nothing of what it returns.
tokenize("order-1")  # E: arg-type
tokenize()  # E: call-arg
Bank().pay(Token("1"), Otp("2"))  # E: call-arg
paid: Paid = tokenize(Order("1"))  # E: assignment

# One builder can stand in for another only if it is a builder.
payment.replace({tokenize: undecorated})  # E: dict-item
optional: Optional[int] = payment.name  # E: assignment


# Events are read and not written, and a hook is an instance.
class Audit(Hook):
    def built(self, event: DataBuilt, /) -> None:
        event.took_s = 0.0  # E: misc


hook: Hook = Audit  # E: assignment
