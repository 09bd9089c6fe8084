"""Time limits: a carrier that does not answer in time is left behind, and the order goes on without it."""

from __future__ import annotations

import logging
import sys
import threading
from typing import NamedTuple

from polaris_dsl import Context, Executor, TimedOut, builder, workflow


class Order(NamedTuple):
    kilos: int


class Quote(NamedTuple):
    cents: int


class Packed(NamedTuple):
    parcels: int


class Shipped(NamedTuple):
    text: str


HEAVY = 20


class Carrier:
    """Answers in its own time, which for heavy parcels is too long."""

    def __init__(self) -> None:
        self.awake = threading.Event()

    @builder(timeout_s=1)
    def quote(self, order: Order, context: Context) -> Quote:
        print(f"asked for {order.kilos} kg, with a time limit: {context.left_s is not None}")
        if order.kilos > HEAVY:
            self.awake.wait()
        return Quote(order.kilos * 150)


@builder
def pack(order: Order) -> Packed:
    return Packed(1 + order.kilos // HEAVY)


@builder
def ship(packed: Packed, quote: Quote) -> Shipped:
    return Shipped(f"{packed.parcels} parcels for {quote.cents / 100:.2f}")


def main() -> None:
    logging.basicConfig(stream=sys.stdout, level=logging.WARNING, format="%(levelname)s %(message)s")
    carrier = Carrier()
    shipping = workflow(target=Shipped, inputs=Order, builders=[carrier.quote, pack, ship], timeout_s=60)
    with Executor(shipping) as orders:
        print(orders.run("order-1", Order(5)).result().text)
        try:
            orders.run("order-2", Order(30))
        except TimedOut as error:
            print(str(error).splitlines()[0])
            print("kept:", error.run[Packed])
        print("still going on:", ", ".join(late.builder for late in orders.late()))
        carrier.awake.set()  # too late for that call, whose result nobody sees; the next one asks again
        print(orders.run("order-2").result().text)


if __name__ == "__main__":
    main()
