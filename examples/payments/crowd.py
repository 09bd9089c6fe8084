"""Does one thing for many orders at once, under a progress bar, and again for those that failed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Callable, Optional, Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from examples.payments.orders import Order
from polaris_dsl import BuilderError

AT_ONCE = 16
ROUNDS = 10


def for_each(orders: Sequence[Order], act: Callable[[Order], None], /, *, title: str, console: Console) -> None:
    """Do it for each order. Where a builder raised, what was built is kept, so the next round goes on from there."""

    def attempt(order: Order) -> Optional[BuilderError]:
        try:
            act(order)
        except BuilderError as error:
            return error
        return None

    columns = TextColumn("{task.description:<18}"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, console=console) as progress, ThreadPoolExecutor(AT_ONCE) as threads:
        bar = progress.add_task(title, total=len(orders))
        for _ in range(ROUNDS):
            failed = []
            for order, error in zip(orders, threads.map(attempt, orders)):
                if error is None:
                    progress.advance(bar)
                else:
                    failed.append((order, error))
            if not failed:
                break
            progress.console.print(f"{len(failed)} go round again, as {_why(failed[0][1])}")
            orders = [order for order, _ in failed]


def _why(error: BuilderError) -> str:
    return f"{error.builder} raised {type(error.__cause__).__name__}"
