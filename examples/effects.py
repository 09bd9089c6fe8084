"""A process is killed in the middle of a charge: nobody repeats it blindly, and whoever asks the bank settles it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import List, NamedTuple, Optional, Tuple

from polaris_dsl import RETRY, Context, Executor, FileStore, Interrupted, Workflow, builder, workflow


class Order(NamedTuple):
    cents: int


class Charged(NamedTuple):
    cents: int
    reference: str


class Receipt(NamedTuple):
    text: str


class Bank:
    """Charges whatever it is asked to, as often as it is asked to: it knows no keys, but prints them on statements."""

    def __init__(self, statement: Path) -> None:
        self._statement = statement

    def charge(self, cents: int, note: str) -> Charged:
        with self._statement.open("a") as statement:
            statement.write(f"{note} {cents}\n")
        return Charged(cents, f"charge {len(self.statement())}")

    def statement(self) -> List[Tuple[str, int]]:
        lines = self._statement.read_text().split("\n")[:-1] if self._statement.exists() else []
        return [(note, int(cents)) for note, _, cents in (line.partition(" ") for line in lines)]

    def look_up(self, note: str) -> Optional[Charged]:
        for number, (found, cents) in enumerate(self.statement(), 1):
            if found == note:
                return Charged(cents, f"charge {number}")
        return None


class Till:
    def __init__(self, bank: Bank, dies: str = "") -> None:
        self._bank = bank
        self._dies = dies

    @builder(name="charge", at_most_once=True)
    def charge(self, order: Order, context: Context) -> Charged:
        self._die("before")
        charged = self._bank.charge(order.cents, note=context.idempotency_key)
        self._die("after")
        return charged

    def _die(self, when: str) -> None:
        if when == self._dies:
            os.kill(os.getpid(), signal.SIGKILL)


@builder
def write_receipt(charged: Charged) -> Receipt:
    return Receipt(f"{charged.cents / 100:.2f} paid ({charged.reference})")


def shop(folder: Path, dies: str = "") -> Executor[Receipt, Order]:
    till = Till(Bank(folder / "statement"), dies)
    flow: Workflow[Receipt, Order] = workflow(target=Receipt, inputs=Order, builders=[till.charge, write_receipt])
    return Executor(flow, store=FileStore(folder / "runs"))


def look_after(folder: Path, order_id: str) -> None:
    """Run an order; what was interrupted is settled as the statement of the bank says."""
    orders = shop(folder)
    print(f"{order_id} is {orders.load(order_id).status.value}")
    try:
        orders.run(order_id)
    except Interrupted as error:
        charged = Bank(folder / "statement").look_up(error.idempotency_key)
        print(f"{error.builder} was interrupted; the bank {'has' if charged else 'has not'} charged it")
        orders.settle(order_id, error.builder, charged or RETRY)
    print(orders.run(order_id).result().text)


def main(folder: Path) -> None:
    for order_id, dies in (("order-1", "after"), ("order-2", "before")):
        process = subprocess.run([sys.executable, __file__, str(folder), order_id, dies], check=False)  # noqa: S603
        print(f"{order_id}: the process was killed {dies} the charge (exit code {process.returncode})")
        look_after(folder, order_id)
    print(f"on the statement: {len(Bank(folder / 'statement').statement())} charges for 2 orders")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        shop(Path(sys.argv[1]), dies=sys.argv[3]).run(sys.argv[2], Order(1990))
    else:
        with tempfile.TemporaryDirectory() as made:
            main(Path(made))
