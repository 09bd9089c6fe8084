"""Builders and data may live inside a function, as they do in tests."""

from __future__ import annotations

from typing import NamedTuple

from polaris_dsl import Context, Run, Workflow, builder, workflow
from typecheck.shop.data import Order, Paid


def test_an_order_is_paid() -> None:
    class Approved(NamedTuple):
        by: str

    @builder
    def approve(order: Order) -> Approved:
        return Approved("test")

    @builder(name="pay")
    def pay_in_test(order: Order, approved: Approved, context: Context) -> Paid:
        return Paid(order.cents)

    flow: Workflow[Paid, Order] = workflow(target=Paid, inputs=Order, builders=[approve, pay_in_test])
    run: Run[Paid] = flow.run(Order("1", 100))
    if run.missing:
        run.result()


test_an_order_is_paid()
