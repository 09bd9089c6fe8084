"""An executor takes the inputs and nothing else; a run gives back what it is asked for, with its type."""

from typing import Optional, Union

from typing_extensions import assert_type

from polaris_dsl import Executor, MemoryStore, Run
from typecheck.clean_declined_is_an_end import card_payment
from typecheck.shop.data import Authorized, Card, Declined, Order, Paid

with Executor(card_payment, store=MemoryStore()) as payments:
    run = payments.run("order-1", Order("order-1", 100))
    assert_type(run, Run[Union[Paid, Declined]])
    assert_type(run.target, Union[Paid, Declined, None])
    payments.feed("order-1", Card("4111"))
    run = payments.run("order-1")
    assert_type(run.result(), Union[Paid, Declined])
    assert_type(run[Authorized], Authorized)
    assert_type(run.get(Paid), Optional[Paid])
