"""Says where payments stand, in two tables."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Callable, DefaultDict, List, Sequence, Tuple, Union

from rich import box
from rich.table import Column, Table

from examples.payments.data import PaymentCompleted, PaymentDeclined
from examples.payments.flows import Outcome
from examples.payments.orders import CardOrder, Order
from examples.payments.shop import Shop
from polaris_dsl import Run, Status

LISTED = 2
METHODS = ("card", "netbanking")


def where_each_stands(shop: Shop, orders: Sequence[Order]) -> Table:
    """Group payments by what they wait for, or how they ended, with the first few order ids of each group."""
    groups: DefaultDict[Tuple[str, str, str], List[str]] = defaultdict(list)
    for order in orders:
        run = shop.load(order)
        groups[_method(order), run.status.value, _because(run)].append(order.id)
    table = _table("Where each payment stands", "method", "status", "because", _number(""), "orders")
    for (method, status, because), ids in sorted(groups.items()):
        more = ", ..." if len(ids) > LISTED else ""
        table.add_row(method, status, because, str(len(ids)), ", ".join(ids[:LISTED]) + more)
    return table


def how_it_ended(shop: Shop, orders: Sequence[Order]) -> Table:
    """Count payments, invoices and charges, each where it is kept: the store, the folder, the bank's ledger."""
    runs = [(order, shop.load(order)) for order in orders]
    charges = shop.bank.charges()
    table = _table("How it ended", "", *map(_number, (*METHODS, "together")))

    def row(title: str, measure: Callable[[Order, Run[Outcome]], Union[int, Decimal]]) -> None:
        sums = [sum(measure(order, run) for order, run in runs if _method(order) == method) for method in METHODS]
        table.add_row(title, *(f"{number:,}" for number in (*sums, sum(sums))))

    row("completed", lambda _, run: isinstance(run.target, PaymentCompleted))
    row("declined", lambda _, run: isinstance(run.target, PaymentDeclined))
    row("still waiting", lambda _, run: run.status is Status.PAUSED)
    row("failed", lambda _, run: run.status in {Status.FAILED, Status.DUE})
    row("invoices written", lambda order, _: shop.invoices.file(order.id).exists())
    row("charges at the bank", lambda order, _: len(charges.get(order.id, ())))
    row("euros charged", lambda order, _: sum(charges.get(order.id, ()), Decimal("0.00")))
    return table


def _table(title: str, *columns: Union[Column, str]) -> Table:
    return Table(*columns, title=title, box=box.SIMPLE_HEAD, pad_edge=False)


def _number(header: str) -> Column:
    return Column(header, justify="right")


def _method(order: Order) -> str:
    return METHODS[0] if isinstance(order, CardOrder) else METHODS[1]


def _because(run: Run[Outcome]) -> str:
    if isinstance(run.target, PaymentDeclined):
        return f"declined: {run.target.reason}"
    if run.target:
        return "paid"
    waits = [f"waits for {data.__name__}" for data in run.missing]
    return "; ".join(waits + [f"{name} made nothing" for name in run.silent])
