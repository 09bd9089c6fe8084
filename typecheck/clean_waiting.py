"""Time limits, trials and waiting, as an executor takes and gives them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from polaris_dsl import Clock, Context, Executor, IncompleteRun, Late, Retry, RetryAt, Run, TimedOut, builder, workflow
from polaris_dsl.clock import SystemClock
from polaris_dsl.testing import VirtualClock
from typecheck.shop.data import Card, EncryptedCard, Token


class SlowClock:
    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def now(self) -> datetime:
        return self.clock.now()

    def sleep(self, seconds: float, /) -> None:
        self.clock.sleep(2 * seconds)

    async def async_sleep(self, seconds: float, /) -> None:
        await self.clock.async_sleep(2 * seconds)


@builder(retry=Retry(on=(ConnectionError, TimeoutError)))
def encrypt(card: Card, context: Context) -> EncryptedCard:
    if context.deadline is not None and context.left_s is not None and context.left_s < 1:
        raise RetryAt(datetime.now(timezone.utc) + timedelta(hours=1))
    return EncryptedCard(card.number)


@builder(timeout_s=2)
async def tokenize(card: EncryptedCard) -> Token:
    return Token(card.text)


clock = VirtualClock(datetime(2026, 1, 1, tzinfo=timezone.utc))
tokens = workflow(target=Token, inputs=Card, builders=[encrypt, tokenize])
by_this_clock = Executor(tokens, clock=clock)
by_another = Executor(tokens, clock=SlowClock(SystemClock()))


def wake() -> list[Token]:
    woken: tuple[Run[Token], ...] = by_this_clock.wake()
    later: tuple[Run[Token], ...] = by_another.wake(clock.now() + timedelta(days=1))
    return [run.result() for run in (*woken, *later) if run.wake_at is None]


def waits() -> dict[str, datetime]:
    return {run.id: run.wake_at for run in by_this_clock.runs() if run.wake_at is not None}


def late() -> tuple[Late, ...]:
    try:
        by_this_clock.run("1", Card("4711"), timeout_s=2.5).result()
    except TimedOut as error:
        seconds: float = error.limit_s if error.begun else 0.0
        clock.advance(seconds)
    except IncompleteRun as error:
        wakes: datetime | None = error.wake_at
        return () if wakes else by_another.late()
    return by_this_clock.late()
