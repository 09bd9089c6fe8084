"""A nightly flow that is fed nothing: it begins with a builder that consumes nothing."""

from typing_extensions import Never, assert_type

from polaris_dsl import Workflow, builder, workflow
from typecheck.shop.data import Invoice, Paid


@builder
def read_ledger() -> Paid:
    return Paid(0)


@builder
def close_day(paid: Paid) -> Invoice:
    return Invoice(paid.cents)


nightly = workflow(target=Invoice, builders=[read_ledger, close_day])

assert_type(nightly, Workflow[Invoice, Never])
nightly.run().result()
