"""What type checkers know of a workflow without any plugin: what is no error to any of them, but for one line."""

from typing import Awaitable, NamedTuple, Optional, Tuple, Union

from typing_extensions import assert_type

from polaris_dsl import (
    RETRY,
    Access,
    Builder,
    Context,
    Executor,
    FileStore,
    MemoryStore,
    Retry,
    Run,
    Workflow,
    builder,
    workflow,
)


class Order(NamedTuple):
    id: str


class Otp(NamedTuple):
    code: str


class Token(NamedTuple):
    text: str


class Paid(NamedTuple):
    cents: int


class Declined(NamedTuple):
    why: str


class Invoice(NamedTuple):
    number: int


@builder
def tokenize(order: Order, *, salt: Optional[Otp] = None) -> Token:
    return Token(order.id)


@builder(name="pay")
def pay(token: Token, otp: Otp, before: Access[Paid], context: Context) -> Union[Paid, Declined]:
    assert_type(before, Optional[Paid])
    context.logger.info("paying with %s", context.idempotency_key)
    return Paid(1) if otp.code else Declined("no code")


@builder(timeout_s=2, retry=Retry(attempts=5, on=(ConnectionError, TimeoutError)), at_most_once=True)
async def charge(token: Token, *, otp: Optional[Otp] = None) -> Paid:
    return Paid(1)


class Books:
    @builder(timeout_s=0.5)
    def invoice(self, paid: Paid, order: Order) -> Optional[Invoice]:
        return Invoice(paid.cents)

    @builder
    @staticmethod
    def numbered(invoice: Invoice) -> Otp:
        return Otp(str(invoice.number))

    @builder
    @staticmethod
    def first() -> Order:
        return Order("1")


class Stamp:
    def __call__(self, invoice: Invoice) -> Declined:
        return Declined(str(invoice.number))


books = Books()
stamp = builder(Stamp())

# A builder keeps its own signature, also as a bound method and as a callable instance.
assert_type(tokenize(Order("1"), salt=Otp("2")), Token)
assert_type(books.invoice(Paid(1), order=Order("1")), Optional[Invoice])
assert_type(stamp(Invoice(1)), Declined)
assert_type(books.numbered(Invoice(1)), Otp)
assert_type(Books.numbered(Invoice(1)), Otp)
assert_type(books.first(), Order)
assert_type(charge.timeout_s, Optional[float])
assert_type(charge.retry, Optional[Retry])
assert_type(builder(tokenize, timeout_s=3)(Order("1")), Token)
waiting: Awaitable[Paid] = charge(Token("1"), otp=Otp("2"))
bound: Builder[[Paid, Order], Optional[Invoice]] = books.invoice  # E[pyrefly, ty, zuban]: P is invariant to them

# Target and inputs are inferred: from classes, from unions however they are written, from no inputs at all.
payment = workflow(target=Paid, inputs=Order | Otp, builders=[tokenize, pay, books.invoice, stamp])
assert_type(payment, Workflow[Paid, Union[Order, Otp]])
either = workflow(target=Union[Paid, Declined], inputs=Union[Order, Otp], builders=[tokenize, pay], name="either")
assert_type(either, Workflow[Union[Paid, Declined], Union[Order, Otp]])
single = workflow(target=Token, inputs=Order, builders=[tokenize])
assert_type(single, Workflow[Token, Order])
static = workflow(target=Otp, inputs=Invoice, builders=[books.numbered])
assert_type(static, Workflow[Otp, Invoice])

# Transient data and a time limit change nothing of that.
brief = workflow(target=Paid, inputs=Order | Otp, builders=[tokenize, pay], transient=Otp, timeout_s=2.5)
assert_type(brief, Workflow[Paid, Union[Order, Otp]])
briefer = workflow(target=Token, inputs=Order, builders=[tokenize], transient=Union[Order, Otp], timeout_s=3)
assert_type(briefer, Workflow[Token, Order])
assert_type(brief.run(Order("1"), Otp("2")), Run[Paid])
assert_type(Executor(brief, store=FileStore("runs")).run("order-1", Otp("2"), Order("1")), Run[Paid])
assert_type(brief.transient, Tuple[type, ...])
assert_type(brief.timeout_s, Optional[float])

# A run in memory.
assert_type(payment.run(Order("1"), Otp("2")), Run[Paid])
assert_type(either.run(Order("1")).target, Union[Paid, Declined, None])
assert_type(single.run(Order("1")).result(), Token)
assert_type(payment.replace({tokenize: tokenize}), Workflow[Paid, Union[Order, Otp]])

# A run that is kept.
with Executor(payment, store=FileStore("runs"), max_workers=8) as payments:
    run = payments.run("order-1", Order("1"), Otp("2"), wait_s=1.5)
    assert_type(run, Run[Paid])
    assert_type(run.target, Optional[Paid])
    assert_type(run.result(), Paid)
    assert_type(run[Token], Token)
    assert_type(run.get(Invoice), Optional[Invoice])
    assert_type(Invoice in run, bool)
    assert_type(run.missing, Tuple[type, ...])
    assert_type(run.silent, Tuple[str, ...])
    assert_type(payments.load("order-1"), Run[Paid])
    payments.feed("order-1", Otp("3"))
    payments.run("order-1")
    for summary in payments.runs():
        assert_type(summary.id, str)
    assert_type(payments.settle("order-1", pay, Paid(1)), Run[Paid])
    assert_type(payments.settle("order-1", "pay", RETRY), Run[Paid])
    payments.delete("order-1")


async def awaited(payments: Executor[Paid, Union[Order, Otp]]) -> Paid:
    run = await payments.arun("order-1", Order("1"), Otp("2"), wait_s=1.5, timeout_s=30)
    assert_type(run, Run[Paid])
    assert_type(run.target, Optional[Paid])
    assert_type(await Executor(either).arun("order-1"), Run[Union[Paid, Declined]])
    return (await payments.arun("order-1")).result()


assert_type(Executor(either, store=MemoryStore()).run("1", Otp("1")).result(), Union[Paid, Declined])
