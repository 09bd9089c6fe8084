"""Trying again: within a call when the bank does not answer, and the next morning when it is closed."""

from __future__ import annotations

import tempfile
from datetime import datetime, time, timedelta, timezone
from typing import List, NamedTuple

from polaris_dsl import Context, Executor, FileStore, Hook, Retry, RetryAt, builder, workflow
from polaris_dsl.hooks import BuilderRetried, BuilderStarted
from polaris_dsl.testing import VirtualClock


class Order(NamedTuple):
    cents: int


class Authorised(NamedTuple):
    code: str


class Transferred(NamedTuple):
    at: str


OPENS, CLOSES = time(9), time(17)


class Bank:
    """Drops connections now and then, and is open from nine to five."""

    def __init__(self, clock: VirtualClock, *, drops: int) -> None:
        self.clock = clock
        self.drops = drops
        self.seen: List[str] = []

    @builder(retry=Retry(attempts=4, on=ConnectionError, first_wait_s=1, max_wait_s=10, jitter=0))
    def authorise(self, order: Order, context: Context) -> Authorised:
        self.seen.append(context.idempotency_key)
        if self.drops:
            self.drops -= 1
            raise ConnectionError
        return Authorised(f"A-{order.cents}")

    @builder
    def transfer(self, authorised: Authorised) -> Transferred:
        now = self.clock.now()
        if not OPENS <= now.time() < CLOSES:
            raise RetryAt(datetime.combine(now.date() + timedelta(days=1), OPENS, tzinfo=timezone.utc))
        return Transferred(f"{now:%A %H:%M}")


class Told(Hook):
    def builder_started(self, event: BuilderStarted, /) -> None:
        print(f"  {event.builder}, attempt {event.attempt}")

    def retried(self, event: BuilderRetried, /) -> None:
        print(f"  {event.builder} raised {type(event.error).__name__}, again in {event.wait_s:g} s")


def main() -> None:
    # Friday evening; nobody sleeps by this clock. In production leave it out, and let cron call `polaris runs wake`.
    clock = VirtualClock(datetime(2026, 3, 6, 18, 30, tzinfo=timezone.utc))
    bank = Bank(clock, drops=2)
    payment = workflow(target=Transferred, inputs=Order, builders=[bank.authorise, bank.transfer], name="payment")
    with tempfile.TemporaryDirectory() as folder:
        payments = Executor(payment, store=FileStore(folder), hooks=[Told()], clock=clock)
        print("Friday evening")
        print(payments.run("order-1", Order(500)))
        print("keys that the bank has seen:", len(set(bank.seen)))
        print("at once:", payments.wake())
        clock.advance(15 * 60 * 60)
        print("Saturday morning")
        for run in payments.wake():
            print(f"{run.id}: {run.result().at}")


if __name__ == "__main__":
    main()
