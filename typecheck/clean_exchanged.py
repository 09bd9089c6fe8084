"""Tests exchange builders; the new whole is checked anew and keeps its type."""

from typing_extensions import assert_type

from polaris_dsl import Context, Workflow, builder, workflow
from typecheck.shop.data import Order, Paid


class Bank:
    @builder
    def pay(self, order: Order, context: Context) -> Paid:
        return Paid(order.cents)


@builder
def pay_at_once(order: Order) -> Paid:
    return Paid(order.cents)


bank = Bank()
payment = workflow(target=Paid, inputs=Order, builders=[bank.pay])
tested = payment.replace({bank.pay: pay_at_once})

assert_type(tested, Workflow[Paid, Order])
assert_type(bank.pay(Order("1", 1), Context(run_id="1", builder="pay", idempotency_key="1")), Paid)
assert_type(pay_at_once(order=Order("1", 1)), Paid)
