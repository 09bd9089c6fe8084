"""A builder waits for its own last product; as an access it would not."""

from typing import Optional

from polaris_dsl import Access, builder, workflow
from typecheck.shop.data import Order, Paid, Risk


class Score:
    @builder
    def again(self, order: Order, before: Optional[Risk]) -> Risk:
        return before or Risk(0)

    @builder
    def well(self, order: Order, before: Access[Risk]) -> Risk:
        return before or Risk(0)


@builder
def pay(risk: Risk) -> Paid:
    return Paid(risk.score)


workflow(
    target=Paid,
    inputs=Order,
    builders=[
        pay,
        Score().again,  # E: polaris-cycle: Score.again waits for itself
        # N: path: Score.again -> Risk -> Score.again
        # N: help: take its last product as Access[...], which never orders or triggers, or list it in inputs=: that
        #    makes a loop, which goes round until nothing changes
    ],
)
workflow(target=Paid, inputs=Order, builders=[pay, Score().well])
