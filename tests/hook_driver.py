"""Tells hooks of made-up calls of `run`, as the executor does: in its order, from its threads, in its contexts."""

from __future__ import annotations

import contextvars
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from typing import Callable, List, Mapping, Optional, Sequence

import attrs
from typing_extensions import Literal

from polaris_dsl._hooked import Hooked, hooked
from polaris_dsl.errors import HookFailed, RetryAt
from polaris_dsl.hooks import (
    BuilderFailed,
    BuilderRetried,
    BuilderStarted,
    DataBuilt,
    Hook,
    NothingBuilt,
    RunEnded,
    RunStarted,
)

START = datetime(2026, 1, 1, tzinfo=timezone.utc)


@attrs.frozen
class Order:
    secret: str


@attrs.frozen
class Charged:
    secret: str


ORDER = Order("4711-0815")
FED: Mapping[type, object] = {Order: ORDER}


def run_started(run_id: str = "r", *, fed: Mapping[type, object] = FED) -> RunStarted:
    return RunStarted(run_id=run_id, workflow="shop", at=START, fed=fed)


def builder_started(
    builder: str = "charge", *, run_id: str = "r", attempt: int = 1, changed: Mapping[type, object] = FED
) -> BuilderStarted:
    return BuilderStarted(run_id=run_id, workflow="shop", builder=builder, at=START, attempt=attempt, changed=changed)


def built(builder: str = "charge", *, run_id: str = "r", kept: bool = False) -> DataBuilt:
    return DataBuilt(
        run_id=run_id,
        workflow="shop",
        builder=builder,
        at=START + timedelta(seconds=2),
        took_s=2.0,
        produced=Charged(ORDER.secret),
        kept=kept,
    )


def returned_nothing(builder: str = "charge", *, run_id: str = "r") -> NothingBuilt:
    return NothingBuilt(run_id=run_id, workflow="shop", builder=builder, at=START + timedelta(seconds=2), took_s=2.0)


def failed(builder: str = "charge", *, run_id: str = "r", attempt: int = 1) -> BuilderFailed:
    return BuilderFailed(
        run_id=run_id,
        workflow="shop",
        builder=builder,
        at=START + timedelta(seconds=2),
        took_s=2.0,
        error=ValueError(ORDER.secret),
        attempt=attempt,
    )


def retried(builder: str = "charge", *, run_id: str = "r", attempt: int = 1) -> BuilderRetried:
    return BuilderRetried(
        run_id=run_id,
        workflow="shop",
        builder=builder,
        at=START + timedelta(seconds=2),
        attempt=attempt,
        error=ValueError(ORDER.secret),
        wait_s=0.5,
    )


def postponed(builder: str = "charge", *, run_id: str = "r") -> BuilderRetried:
    return BuilderRetried(
        run_id=run_id,
        workflow="shop",
        builder=builder,
        at=START + timedelta(seconds=2),
        attempt=1,
        error=RetryAt(START + timedelta(hours=1)),
        wait_s=3598.0,
    )


def run_ended(
    run_id: str = "r",
    *,
    status: Literal["failed", "due", "complete", "paused"] = "complete",
    missing: Sequence[str] = (),
    error: Optional[BaseException] = None,
) -> RunEnded:
    return RunEnded(
        run_id=run_id,
        workflow="shop",
        at=START + timedelta(seconds=3),
        took_s=3.0,
        status=status,
        missing=tuple(missing),
        error=error,
    )


def told(hook: Hook) -> Hooked:
    made = hooked([hook])
    assert made is not None
    return made


def events_of(hook: Hook) -> List[Callable[[], object]]:
    """Return what tells a hook of one event of each kind, in an order that may happen."""
    to = told(hook)
    return [
        lambda: to.tell(to.run_started, run_started()),
        lambda: to.tell(to.builder_started, builder_started()),
        lambda: to.tell(to.retried, retried()),
        lambda: to.tell(to.builder_started, builder_started(attempt=2)),
        lambda: to.tell(to.built, built()),
        lambda: to.tell(to.builder_started, builder_started("invoice")),
        lambda: to.tell(to.returned_nothing, returned_nothing("invoice")),
        lambda: to.tell(to.builder_started, builder_started("send")),
        lambda: to.tell(to.failed, failed("send")),
        lambda: to.tell(to.run_ended, run_ended()),
    ]


def _now() -> datetime:
    return datetime.now(timezone.utc)


@attrs.frozen
class Driver:
    """Runs plain functions under the eyes of hooks: those of one `call` at once, each in a thread of its own.

    Keeps to the rules of the executor: an event is made only if someone listens, helpers inherit the caller's context,
    a strict hook ends the call once all that is running is through, every call that has started ends.
    """

    hooks: Sequence[Hook]

    def call(self, run_id: str, builders: Mapping[str, Callable[[], object]], /, *, threads: int = 1) -> None:
        to, began, ends = hooked(self.hooks), time.monotonic(), []
        error: Optional[BaseException] = None
        if to is not None and to.run_started:
            ends.append(to.tell(to.run_started, RunStarted(run_id=run_id, workflow="shop", at=_now(), fed=FED)))
        with ThreadPoolExecutor(threads) as pool:
            futures = []
            for name, make in builders.items():
                if not any(ends):
                    inherited = contextvars.copy_context()
                    futures.append(pool.submit(inherited.run, self._build, to, run_id, name, make))
            ends += [future.result() for future in futures]
        error = next((end for end in ends if end is not None), None)
        if to is not None and to.run_ended:
            ended = RunEnded(
                run_id=run_id,
                workflow="shop",
                at=_now(),
                took_s=time.monotonic() - began,
                status="complete" if error is None else "due",
                missing=(),
                error=error,
            )
            end = to.tell(to.run_ended, ended)
            error = end if error is None else error
        if error is not None:
            raise error

    def _build(self, to: Optional[Hooked], run_id: str, name: str, make: Callable[[], object]) -> Optional[HookFailed]:
        began = time.monotonic()
        if to is None:
            make()
            return None
        first = to.tell(
            to.builder_started,
            BuilderStarted(run_id=run_id, workflow="shop", builder=name, at=_now(), attempt=1, changed=FED),
        )
        if first is not None:  # of a strict hook: the builder is not called
            return first
        try:
            product = make()
        except Exception as error:  # noqa: BLE001  whatever a builder raises
            ended = BuilderFailed(
                run_id=run_id,
                workflow="shop",
                builder=name,
                at=_now(),
                took_s=time.monotonic() - began,
                error=error,
                attempt=1,
            )
            return to.tell(to.failed, ended)
        made = DataBuilt(
            run_id=run_id,
            workflow="shop",
            builder=name,
            at=_now(),
            took_s=time.monotonic() - began,
            produced=product,
            kept=False,
        )
        return to.tell(to.built, made)
