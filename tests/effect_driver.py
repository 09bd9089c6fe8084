"""A process that charges an order once, and dies by SIGKILL at a moment of its choice.

python -m tests.effect_driver STORE EFFECTS MOMENT
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any, Callable, Sequence, Tuple

import attrs

from polaris_dsl import Context, Executor, FileStore, Interrupted, Status, Workflow, builder, workflow
from polaris_dsl.stores import Line, Store
from polaris_dsl.stores._file import FileJournals
from polaris_dsl.stores._lines import Kept, lines_of
from polaris_dsl.stores._sqlite_journals import SqliteJournals
from polaris_dsl.stores.sqlite import SqliteStore

RUN = "order-42"


@attrs.frozen
class Order:
    cents: int


@attrs.frozen
class Charged:
    cents: int
    key: str


@attrs.frozen
class Receipt:
    text: str


class Desk:
    """Charges by a line in a file, which is all that is known of it afterwards."""

    def __init__(self, effects: Path, moment: str = "") -> None:
        self._effects = effects
        self._moment = moment

    @builder(name="charge", at_most_once=True)
    def charge(self, order: Order, context: Context) -> Charged:
        self._reached("before the effect")
        with self._effects.open("a") as file:
            file.write(f"{context.idempotency_key}\n")
        self._reached("after the effect")
        return Charged(order.cents, context.idempotency_key)

    def _reached(self, moment: str) -> None:
        if moment == self._moment:
            die()


@builder
def write_receipt(charged: Charged) -> Receipt:
    return Receipt(f"{charged.cents} paid")


def flow_of(desk: Desk) -> Workflow[Receipt, Order]:
    return workflow(target=Receipt, inputs=Order, builders=[desk.charge, write_receipt])


def opened(path: Path) -> Store:
    return SqliteStore(path) if path.suffix else FileStore(path)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def dying(append: Callable[..., Tuple[Line, ...]], moment: str) -> Callable[..., Tuple[Line, ...]]:
    def append_or_die(self: Any, run: str, expected_n: int, lines: Sequence[Kept]) -> Tuple[Line, ...]:
        kind = type(lines_of(list(lines), 0, len(lines))[-1]).__name__
        if moment == f"before {kind}":
            die()
        news = append(self, run, expected_n, lines)
        if moment == f"after {kind}":
            die()
        return news

    return append_or_die


def main(store: str, effects: str, moment: str) -> int:
    for journals, name in ((FileJournals, "put"), (SqliteJournals, "append")):
        setattr(journals, name, dying(getattr(journals, name), moment))
    try:
        run = Executor(flow_of(Desk(Path(effects), moment)), store=opened(Path(store))).run(RUN, Order(500))
    except Interrupted:
        return 3
    return 0 if run.status is Status.COMPLETE else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
