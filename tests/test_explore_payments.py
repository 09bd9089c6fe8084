"""The payments example under `explore`: nothing is wrong with it, and mistakes that are put in are told as stories."""

from __future__ import annotations

import itertools
import re
import time
from typing import Callable, Iterator

import pytest

from examples import payments_explored
from examples.payments.data import Authorized, Payment, PaymentCompleted, PaymentRequest, Verified
from examples.payments.flows import CardInputs, Outcome, initiate
from examples.payments_explored import QuickBank, Shop, given_key, open_shop
from polaris_dsl import Workflow, builder
from polaris_dsl.testing import StoryFailed, explore

STORY = r"""
\d+ stories with \d+ crashes end the same, and move the money once\.

With a key that the builder makes up:
QuickBank\.process_payment repeats hold under another key, though it is given the same
  1\. feed PaymentRequest, SealedCard, Cvv and Otp
  2\. initiate, Cards\.encrypt_card and Vault\.tokenize_card run
  3\. QuickBank\.process_payment runs: hold \(key (\S+)\)
  4\. crash before the commit of QuickBank\.process_payment
  5\. start again: feed PaymentRequest, SealedCard and Otp once more
  6\. QuickBank\.process_payment runs again: hold \(key (\S+)\), a second time under another key
  help: pass Context\.idempotency_key on with hold: it is the same whenever the call is repeated
"""


def test_the_example_tells_that_it_is_right_and_how_a_made_up_key_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    payments_explored.main(stories=100)
    told = re.fullmatch(STORY.lstrip(), capsys.readouterr().out)
    assert told is not None
    assert told[1] != told[2]


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with open_shop() as opened:
        yield opened


def broken(shop: Shop, put_in: Callable[[Workflow[Outcome, CardInputs]], Workflow[Outcome, CardInputs]]) -> StoryFailed:
    with pytest.raises(StoryFailed) as caught:
        explore(
            lambda requests: put_in(shop.at(QuickBank(requests, given_key))),
            *shop.samples(),
            outside=list,
            effects=lambda requests: requests,
        )
    return caught.value


def test_a_key_of_the_clock_is_told(shop: Shop) -> None:
    with pytest.raises(StoryFailed) as caught:
        shop.explored(lambda _: str(time.perf_counter_ns()))
    assert caught.value.problem.startswith("QuickBank.process_payment repeats hold under another key")


def test_a_receipt_that_is_numbered_by_a_counter_is_told(shop: Shop) -> None:
    numbers = itertools.count(1)

    @builder(name="complete")
    def numbered(payment: Payment, authorized: Authorized, _: Verified) -> PaymentCompleted:
        return PaymentCompleted(receipt=f"R-{next(numbers)}", amount=payment.amount)

    found = broken(shop, lambda flow: flow.replace({flow.builders[5]: numbered}))
    assert found.problem == "PaymentCompleted, which complete makes, ends differently"
    assert found.story[0] == "feed PaymentRequest, SealedCard, Cvv and Otp"
    assert '"receipt":"R-2"' in found.story[-1]
    assert '"receipt":"R-1"' in found.story[-1]


def test_a_builder_that_tidies_the_request_up_in_place_is_told(shop: Shop) -> None:
    @builder(name="initiate")
    def tidy(request: PaymentRequest) -> Payment:
        object.__setattr__(request, "customer", request.customer.upper())
        return Payment(request.order_id, request.amount)

    found = broken(shop, lambda flow: flow.replace({initiate: tidy}))
    assert found.problem == "initiate changes the PaymentRequest that it is given"
    assert found.story == ("feed PaymentRequest, SealedCard, Cvv and Otp", "initiate runs, changing PaymentRequest")
