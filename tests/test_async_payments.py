"""A thousand payments in one event loop, of the example's flow, over several stores."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from examples.async_payments import Bank, Network, Vault, card_payment, main, pay_all
from examples.payments.invoices import Invoices
from polaris_dsl import Executor, Status
from polaris_dsl.stores import Built
from tests.async_flows import lines_of, new_store, run

ORDERS = 1_000


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_a_thousand_payments_at_once_are_each_paid_once_and_the_loop_goes_on(kind: str, tmp_path: Path) -> None:
    network = Network()
    vault, bank = Vault(network), Bank(network)
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(0)
            beats += 1

    async def pay_beside_a_heart() -> None:
        heart = asyncio.ensure_future(beat())
        ends = await pay_all(payments, ORDERS)
        heart.cancel()
        assert ends == {"PaymentCompleted": 950, "PaymentDeclined": 50}

    with Executor(card_payment(vault, bank, Invoices(tmp_path)), store=new_store(kind, tmp_path)) as payments:
        run(pay_beside_a_heart())
        assert {one.status for one in payments.runs()} == {Status.COMPLETE}
        assert len(list(payments.runs())) == ORDERS
        # Each builder of a run was called to its end once, whatever was asked for again.
        for number in range(1, ORDERS + 1, 50):
            made = [line.by for line in lines_of(payments, f"A-{number:04}") if isinstance(line, Built)]
            assert len(made) == len(set(made))
    assert (len(vault.tokens), len(bank.holds), len(bank.charges)) == (ORDERS, 950, 950)
    assert network.most > 50
    assert beats > ORDERS
    assert len(list(tmp_path.glob("INV-*.txt"))) == 950


def test_the_example_tells_what_it_did(capsys: pytest.CaptureFixture[str]) -> None:
    main(orders=20)
    assert capsys.readouterr().out.splitlines()[:2] == ["19 paid, 1 declined", "19 holds, 19 charges"]
