"""Hooks: a watch that adds up what builders took, and an audit that stops a run rather than miss anything."""

from __future__ import annotations

import logging
import sys
from threading import Lock
from typing import Dict, List, NamedTuple, Union

from polaris_dsl import Executor, Hook, HookFailed, builder, workflow
from polaris_dsl.hooks import DataBuilt, LogHook, RunEnded

# --- the flow --------------------------------------------------------------------------------------------------------


class Order(NamedTuple):
    cents: int


class Approval(NamedTuple):
    by: str


class Priced(NamedTuple):
    cents: int


class Shipped(NamedTuple):
    parcel: str


@builder
def price(order: Order) -> Priced:
    return Priced(order.cents + 490)


@builder
def ship(priced: Priced, approval: Approval) -> Shipped:
    return Shipped(f"parcel of {priced.cents / 100:.2f}, approved by {approval.by}")


# --- the hooks -------------------------------------------------------------------------------------------------------


class Watch(Hook):
    """Adds up seconds by builder. Builders run in several threads, so it guards what it keeps."""

    def __init__(self) -> None:
        self.seconds: Dict[str, float] = {}
        self._lock = Lock()

    def built(self, event: DataBuilt, /) -> None:
        with self._lock:
            self.seconds[event.builder] = self.seconds.get(event.builder, 0.0) + event.took_s


class Audit(Hook):
    """Notes who built what; without its note, nothing may go on."""

    strict = True

    def __init__(self) -> None:
        self.notes: List[str] = []
        self.full = False

    def built(self, event: DataBuilt, /) -> None:
        if self.full:
            raise OSError("the book is full")
        self.notes.append(f"{event.run_id}: {event.builder} built {type(event.produced).__name__}")

    def run_ended(self, event: RunEnded, /) -> None:
        self.notes.append(f"{event.run_id}: {event.status}")


def main() -> None:
    # At INFO, LogHook would tell of every event.
    logging.basicConfig(stream=sys.stdout, level=logging.WARNING, format="%(levelname)s %(message)s")
    watch, audit = Watch(), Audit()
    shipping = workflow(target=Shipped, inputs=Union[Order, Approval], builders=[price, ship], name="shipping")
    with Executor(shipping, hooks=[watch, audit, LogHook()]) as orders:
        orders.run("order-1", Order(1500))
        audit.full = True
        try:
            orders.run("order-1", Approval("Mira"))
        except HookFailed as failed:
            print(failed)
            print("built all the same:", ", ".join(data.__name__ for data in failed.run.built))
        audit.full = False
        print(orders.run("order-1").result().parcel)
    print("timed:", ", ".join(sorted(watch.seconds)))
    print("\n".join(audit.notes))


if __name__ == "__main__":
    main()
