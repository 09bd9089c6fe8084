"""What goes wrong in runs."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Mapping, Optional, Sequence, Tuple, Type, cast

from typing_extensions import Protocol, Self

from polaris_dsl.errors._portable import T, raised
from polaris_dsl.errors._root import PolarisError


class RunSoFar(Protocol):
    """What an error knows of a run: a `Run`, whatever its target."""

    @property
    def id(self) -> str:
        """The run id."""

    @property
    def missing(self) -> Tuple[type, ...]:
        """The inputs that it waits for."""

    @property
    def silent(self) -> Tuple[str, ...]:
        """The builders on a way to the target that returned nothing."""

    @property
    def built(self) -> Mapping[type, object]:
        """What this call made."""

    def get(self, data: Type[T], /) -> Optional[T]:
        """Return the value of a data, or None while it is absent."""

    def __getitem__(self, data: Type[T], /) -> T: ...
    def __contains__(self, data: object, /) -> bool: ...


class RunError(PolarisError):
    """Something went wrong in one run."""


class BuilderError(RunError):
    """A builder raised; its exception is the `__cause__`.

    Attributes:
        builder: the name of the builder, the first in plan order of those that failed in this call.
        run_id: the run.
        place: file and line where the exception came from.
        run: the run so far; what did not depend on the failure was built and kept. (None after unpickling, where the
            data of the run do not pickle.)
        failures: one error for each builder that failed in this call, in plan order; the first is the one raised.
        interrupted: whether its effect may have happened, and it has `at_most_once=True`: the next call raises
            `Interrupted`, which has to be settled.
        again: the names of the transient data that the next call has to be fed again; None if there is no next call,
            for the run was in memory alone.
    """

    run: RunSoFar

    def __init__(self, *, builder: str, run_id: str, place: str) -> None:
        self.builder = builder
        self.run_id = run_id
        self.place = place
        self.failures: Tuple[BuilderError, ...] = (self,)
        self.interrupted = False
        self.again: Optional[Tuple[str, ...]] = ()

    def _what(self) -> str:
        return f"builder {self.builder} {raised(self)}"

    def __str__(self) -> str:
        others = [error.builder for error in self.failures if error.builder != self.builder]
        also = f"\nalso failed: {', '.join(others)}" if others else ""
        return f"{self._what()}\n  in run {self.run_id!r}, at {self.place}\n  {self._then()}{also}"

    def _then(self) -> str:
        if self.interrupted:
            return (
                "its effect may have happened, so it is not called again by itself:"
                f" settle({self.run_id!r}, {self.builder}, what it should have returned, or RETRY)"
            )
        if self.again is None:
            return "nothing is kept of a run in memory: the next one begins anew"
        kept, again = "its inputs are kept", ""
        if self.again:
            kept, again = f"its inputs are kept, but for {', '.join(self.again)}", " that is fed that again"
        return f"{kept}: the next call of run({self.run_id!r}){again} tries it again"

    def with_run(self, run: RunSoFar, failures: Sequence[BuilderError], /) -> Self:
        """Add what is known when the call ends: the run so far, and all failures in plan order."""
        self.run = run
        self.failures = tuple(failures)
        return self


class WrongProduct(BuilderError):
    """A builder returned something other than what it declared.

    Attributes:
        declared: the names of what it may return.
        returned: the name of the type that it returned; never the value.
    """

    def __init__(self, *, builder: str, run_id: str, place: str, declared: Sequence[str], returned: str) -> None:
        super().__init__(builder=builder, run_id=run_id, place=place)
        self.declared: Tuple[str, ...] = tuple(declared)
        self.returned = returned

    def _what(self) -> str:
        return (
            f"builder {self.builder} declares {' | '.join(self.declared)} but returned {self.returned}"
            " (data are matched by their exact class)"
        )


class TimedOut(BuilderError):
    """The time of a builder was over: its own `timeout_s`, or that of the call of `run`. A `TimeoutError` is the cause.

    A plain function cannot be stopped: it goes on, and what it returns is never seen. See `Executor.late`.

    Attributes:
        limit_s: how many seconds were given.
        whole: whether they were given to the whole call of `run`.
        begun: False if the builder was due, and the time of the whole was over before it was begun.
    """

    def __init__(
        self, *, builder: str, run_id: str, place: str, limit_s: float, whole: bool = False, begun: bool = True
    ) -> None:
        super().__init__(builder=builder, run_id=run_id, place=place)
        self.limit_s = limit_s
        self.whole = whole
        self.begun = begun

    def _what(self) -> str:
        if not self.whole:
            return f"builder {self.builder} took longer than its {self.limit_s:g} s"
        was = "was still running when" if self.begun else "was not begun:"
        return f"builder {self.builder} {was} the {self.limit_s:g} s of this call of run() were over"


class Interrupted(BuilderError):
    """A builder with `at_most_once=True` was begun once, and nobody knows how that ended: it is not called again.

    Find out whether its effect has happened, then say so: `executor.settle(run_id, builder, result)` with what it would
    have returned, or `settle(run_id, builder, RETRY)` if nothing has happened.

    Attributes:
        since: when it was begun, as ISO 8601 in UTC.
        idempotency_key: the key that it was called with.
    """

    def __init__(self, *, builder: str, run_id: str, place: str, since: str, idempotency_key: str) -> None:
        super().__init__(builder=builder, run_id=run_id, place=place)
        self.since = since
        self.idempotency_key = idempotency_key
        self.interrupted = True

    def _what(self) -> str:
        return (
            f"builder {self.builder} was begun at {self.since}, and how that ended is not known:"
            " it is not called again by itself"
        )

    def _then(self) -> str:
        return (
            f"find out whether its effect has happened (idempotency key {self.idempotency_key}), and say so:"
            f" settle({self.run_id!r}, {self.builder}, what it returned, or RETRY)"
        )


class NotInterrupted(RunError):
    """There is nothing to settle: the builder was not interrupted in this run.

    Attributes:
        run_id, builder: of which run, and which builder.
    """

    def __init__(self, *, run_id: str, builder: str) -> None:
        self.run_id = run_id
        self.builder = builder

    def __str__(self) -> str:
        return (
            f"builder {self.builder} was not interrupted in run {self.run_id!r}, so there is nothing to settle\n"
            "  only a builder with at_most_once=True is, when the process ends while it runs"
        )


class RetryAt(RunError):
    """What a builder raises to be tried again later: `raise RetryAt(when)`. The run waits until then, and is paused.

    `Run.wake_at` says until when; `Executor.wake` and `polaris runs wake` resume what is due.

    Attributes:
        when: a time with its time zone.

    Raises:
        ValueError: it has no time zone, so that it would mean another moment on another machine; or it is so far away
            that it is no date in UTC.
    """

    def __init__(self, when: datetime) -> None:
        if not isinstance(cast(object, when), datetime) or when.utcoffset() is None:
            raise ValueError(f"RetryAt takes a datetime with a time zone, not {when!r:.80}")
        try:
            when.astimezone(timezone.utc)
        except OverflowError:
            raise ValueError(f"RetryAt takes a datetime that is one in UTC too, not {when!r:.80}") from None
        self.when = when

    def __str__(self) -> str:
        return f"to be tried again at {self.when.isoformat(timespec='seconds')}"


class HookFailed(RunError):
    """A strict hook raised; its exception is the `__cause__`. All that was running then was finished and committed.

    Attributes:
        hook: the name of the hook's class.
        event: the name of its method, such as `built`.
        builder: the name of the builder that it was told of, or None at the start and the end of a run.
        run_id: the run.
        run: the run so far (None after unpickling, where its data do not pickle).
    """

    run: RunSoFar

    def __init__(self, *, hook: str, event: str, builder: Optional[str], run_id: str) -> None:
        self.hook = hook
        self.event = event
        self.builder = builder
        self.run_id = run_id

    def __str__(self) -> str:
        of = "" if self.builder is None else f" of builder {self.builder}"
        return (
            f"hook {self.hook} {raised(self)}\n  in {self.event}{of}, in run {self.run_id!r}\n"
            f"  it is strict: what was running has been committed; the next call of run({self.run_id!r}) goes on"
        )

    def with_run(self, run: RunSoFar, /) -> Self:
        """Add what is known when the call ends: the run so far."""
        self.run = run
        return self


class NotSettled(RunError):
    """A loop was still changing when a call had gone round it `max_rounds` times. What was built was kept.

    Attributes:
        run_id, rounds: the run, and how often the call went round.
        changes: by the name of each data that still changes, in what its last two values differ: fields and types.
        run: the run so far (None after unpickling, where its data do not pickle).
    """

    run: RunSoFar

    def __init__(self, *, run_id: str, rounds: int, changes: Mapping[str, Sequence[str]]) -> None:
        self.run_id = run_id
        self.rounds = rounds
        self.changes: Mapping[str, Tuple[str, ...]] = {name: tuple(changes[name]) for name in changes}

    def __str__(self) -> str:
        told = "".join(f"\n  {name}: {', '.join(fields) or 'unlike'}" for name, fields in self.changes.items())
        what = f"run {self.run_id!r} did not settle in {self.rounds} round{'s' * (self.rounds > 1)}"
        help_ = "builders on a loop must come to return what is there already; max_rounds= allows more rounds"
        return f"{what}; still changing:{told}\n  {help_}"

    def with_run(self, run: RunSoFar, /) -> Self:
        """Add what is known when the call ends: the run so far."""
        self.run = run
        return self


class UnexpectedData(RunError):
    """What was fed cannot be taken, and nothing of that call was kept. Names types, never values.

    Attributes:
        workflow: the name of the workflow.
        problems: one sentence for each value that cannot be taken.
        inputs: the names of the data that may be fed.
    """

    def __init__(self, *, workflow: str, problems: Sequence[str], inputs: Sequence[str]) -> None:
        self.workflow = workflow
        self.problems: Tuple[str, ...] = tuple(problems)
        self.inputs: Tuple[str, ...] = tuple(inputs)

    def __str__(self) -> str:
        takes = " | ".join(self.inputs) or "no inputs"
        return f"{'; '.join(self.problems)}\n  workflow {self.workflow} takes {takes}; nothing of this call was kept"


class IncompleteRun(RunError):
    """The result of a run was asked for before its target was there.

    Attributes:
        run_id: the run.
        target: the name of the target.
        status: the status of the run.
        missing: the inputs that it waits for.
        silent: the builders that returned nothing, on the way to the target.
        wake_at: when the first builder may be called again that raised `RetryAt`; None if none did.
        lasts: whether another call can go on with the run; False if it was in memory alone.
    """

    def __init__(
        self,
        *,
        run_id: str,
        target: str,
        status: str,
        missing: Sequence[type],
        silent: Sequence[str],
        wake_at: Optional[datetime] = None,
        lasts: bool = True,
    ) -> None:
        self.run_id = run_id
        self.target = target
        self.status = status
        self.missing: Tuple[type, ...] = tuple(missing)
        self.silent: Tuple[str, ...] = tuple(silent)
        self.wake_at = wake_at
        self.lasts = lasts

    def __str__(self) -> str:
        waits = []
        if self.missing:
            names = ", ".join(data.__name__ for data in self.missing)
            waits.append((f"it waits for {names}", "feed it to the same run"))
        if self.silent:
            waits.append((f"{', '.join(self.silent)} returned nothing", "feed newer data to what it takes"))
        if self.wake_at is not None:
            until = self.wake_at.isoformat(timespec="seconds")
            waits.append((f"it waits until {until}", "call wake() from then on"))
        if self.lasts:
            then = [f"{why}: {what}" for why, what in waits] or ["call run() with the same run id to go on"]
        else:
            then = [
                *(why for why, _ in waits),
                "nothing is kept of a run in memory: only that of an Executor can go on",
            ]
        return f"run {self.run_id!r} is {self.status}: {self.target} is not there yet\n  " + "\n  ".join(then)
