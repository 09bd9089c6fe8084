"""Tells hooks of one call of `run`: makes the events that somebody listens to."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from time import monotonic
from typing import Callable, Iterator, List, Mapping, Optional, Union, cast

import attrs

from polaris_dsl._attempt import Attempt, Product
from polaris_dsl._hooked import Hooked
from polaris_dsl._plan import Plan
from polaris_dsl._run import Run, Status
from polaris_dsl._state import Versions
from polaris_dsl.errors import BuilderError, HookFailed, StoreError
from polaris_dsl.hooks import (
    BuilderFailed,
    BuilderRetried,
    BuilderStarted,
    DataBuilt,
    NothingBuilt,
    RunEnded,
    RunStarted,
)


def _now() -> datetime:
    return datetime.now(timezone.utc)


@attrs.frozen
class Telling:
    """The hooks of an executor, and the run that they are told of. Safe to share between threads.

    What tells returns the error of a strict hook, which has to end the call.
    """

    to: Hooked
    plan: Plan
    run_id: str
    _began_s: float = attrs.field(init=False, factory=monotonic)

    def run_started(self, fed: Mapping[int, object], /) -> Optional[HookFailed]:
        if not self.to.run_started:
            return None
        given = {self.plan.data[slot]: value for slot, value in fed.items()}
        event = RunStarted(run_id=self.run_id, workflow=self.plan.workflow, at=_now(), fed=given)
        return self.to.tell(self.to.run_started, event)

    def builder_started(self, attempt: Attempt, finished: Optional[Versions], /, *, trial: int) -> Optional[HookFailed]:
        """Tell of a call that is about to be made; `finished`: the versions of its last finished one."""
        if not self.to.builder_started:
            return None
        number, versions, values = attempt
        call = self.plan.calls[number]
        before = finished or (0,) * len(versions)
        newer = {slot for slot, old, new in zip(call.waits_for, before, versions) if new and old != new}
        taken = zip([argument.slot for argument in call.arguments], values)
        event = BuilderStarted(
            run_id=self.run_id,
            workflow=self.plan.workflow,
            builder=call.name,
            at=_now(),
            attempt=trial,
            changed={self.plan.data[slot]: value for slot, value in taken if slot in newer},
        )
        return self.to.tell(self.to.builder_started, event)

    def builder_ended(
        self, number: int, outcome: Union[Product, BaseException], /, *, kept: bool, took_s: float, trial: int
    ) -> Optional[HookFailed]:
        """Tell how a call ended: with a product that is committed, or with an error."""
        facts = (self.plan.calls[number].name, took_s)
        if isinstance(outcome, BaseException):
            return self._failed(*facts, outcome, trial=trial)
        return self._nothing(*facts) if outcome[0] is None else self._built(*facts, outcome[1], kept=kept)

    def builder_retried(self, builder: str, trial: int, error: BuilderError, wait_s: float, /) -> Optional[HookFailed]:
        """Tell that a builder raised and is to be called again."""
        if not self.to.retried:
            return None
        event = BuilderRetried(
            run_id=self.run_id,
            workflow=self.plan.workflow,
            builder=builder,
            at=_now(),
            attempt=trial,
            error=cast("Exception", error.__cause__),
            wait_s=wait_s,
        )
        return self.to.tell(self.to.retried, event)

    def _failed(self, builder: str, took_s: float, error: BaseException, *, trial: int) -> Optional[HookFailed]:
        cause = error.__cause__ if isinstance(error, BuilderError) else error
        if not self.to.failed or not isinstance(cause or error, Exception):
            return None
        event = BuilderFailed(
            run_id=self.run_id,
            workflow=self.plan.workflow,
            builder=builder,
            at=_now(),
            took_s=took_s,
            error=cast("Exception", cause or error),
            attempt=trial,
        )
        return self.to.tell(self.to.failed, event)

    def _nothing(self, builder: str, took_s: float) -> Optional[HookFailed]:
        if not self.to.returned_nothing:
            return None
        event = NothingBuilt(run_id=self.run_id, workflow=self.plan.workflow, builder=builder, at=_now(), took_s=took_s)
        return self.to.tell(self.to.returned_nothing, event)

    def _built(self, builder: str, took_s: float, produced: object, *, kept: bool) -> Optional[HookFailed]:
        if not self.to.built:
            return None
        event = DataBuilt(
            run_id=self.run_id,
            workflow=self.plan.workflow,
            builder=builder,
            at=_now(),
            took_s=took_s,
            produced=produced,
            kept=kept,
        )
        return self.to.tell(self.to.built, event)

    @contextmanager
    def to_the_end(self, so_far: Callable[[], Run[object]], /) -> Iterator[Callable[[Run[object]], None]]:
        """Tell how the call ended that goes on in here, whatever happens; takes the run that it ends with.

        Where it is cut off, that is the run `so_far`.
        """
        ended: List[Run[object]] = []
        try:
            yield ended.append
        except BaseException as error:
            run: Optional[Run[object]] = getattr(error, "run", None)
            with suppress(StoreError):  # it could not be read: that is what ends the call
                run = run or so_far()
            self._run_ended(run, error)
            raise
        for run in ended:
            ends = self._run_ended(run, None)
            if ends is not None:
                raise ends.with_run(run)

    def _run_ended(self, run: Optional[Run[object]], error: Optional[BaseException]) -> Optional[HookFailed]:
        if not self.to.run_ended:
            return None
        event = RunEnded(
            run_id=self.run_id,
            workflow=self.plan.workflow,
            at=_now(),
            took_s=monotonic() - self._began_s,
            status=(Status.DUE if run is None else run.status).value,
            missing=() if run is None else tuple(data.__name__ for data in run.missing),
            error=error,
        )
        return self.to.tell(self.to.run_ended, event)
