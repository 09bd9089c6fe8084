"""A checkout that reprices until stable: the total decides on the discount, and the discount on the total."""

from __future__ import annotations

from typing import NamedTuple, Union

from polaris_dsl import Executor, NotSettled, builder, workflow


class Cart(NamedTuple):
    cents: int


class Discount(NamedTuple):
    percent: int


class Total(NamedTuple):
    cents: int


@builder
def add_up(cart: Cart, discount: Discount) -> Total:
    return Total(cart.cents * (100 - discount.percent) // 100)


@builder
def grant(total: Total, before: Discount) -> Discount:
    # 5 % more for each 100.00 that is still to be paid, at most 20 %; what was granted once is not taken back.
    return Discount(max(before.percent, min(20, total.cents // 10_000 * 5)))


@builder
def haggle(total: Total, before: Discount) -> Discount:
    # This one never comes to an end: it takes back what it has granted.
    return Discount(0 if before.percent else 10)


def main() -> None:
    checkout = workflow(target=Total, inputs=Union[Cart, Discount], builders=[add_up, grant], name="checkout")
    with Executor(checkout) as checkouts:
        for cents in (4_000, 25_000, 90_000):
            run = checkouts.run(f"cart-{cents}", Cart(cents), Discount(0))
            print(f"{cents / 100:.2f} less {run[Discount].percent} % is {run.result().cents / 100:.2f}")
        run = checkouts.run("cart-4000", Cart(31_000))
        print(f"with more in the cart: less {run[Discount].percent} % is {run.result().cents / 100:.2f}")

    try:
        checkout.replace({grant: haggle}).run(Cart(4_000), Discount(0), max_rounds=10)
    except NotSettled as error:
        print(f"after {error.rounds} rounds these still change: {', '.join(error.changes)}")


if __name__ == "__main__":
    main()
