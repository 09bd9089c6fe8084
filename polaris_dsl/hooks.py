"""What a user's code is told while a workflow runs: `Hook`, its events, and `LogHook`."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Dict, Iterable, Mapping, Optional, Sequence, Tuple, Type, TypeVar, Union

import attrs
from typing_extensions import Literal, Protocol, dataclass_transform, final

from polaris_dsl.errors import RetryAt

__all__ = [
    "BuilderFailed",
    "BuilderRetried",
    "BuilderStarted",
    "DataBuilt",
    "Event",
    "Hook",
    "LogHook",
    "NothingBuilt",
    "RunEnded",
    "RunStarted",
]

T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(attrs.field,))
def _event(cls: Type[T]) -> Type[T]:
    """Make a class of events: frozen to type checkers; at run time that would double the cost of making one."""
    return attrs.define(cls, kw_only=True, on_setattr=None, slots=True)


# --- events ----------------------------------------------------------------------------------------------------------

# What may hold a payload has `repr=False`: an event that is printed or logged as a whole gives nothing away.


@final
@_event
class RunStarted:
    """A call of `run` holds its run, has committed what it was fed, and begins.

    Attributes:
        run_id: the run.
        workflow: the name of the workflow.
        at: when; aware, in UTC.
        fed: what this call was given, by class.
    """

    run_id: str
    workflow: str
    at: datetime
    fed: Mapping[type, object] = attrs.field(repr=False)


@final
@_event
class BuilderStarted:
    """A builder is about to be called. Exactly one of the four events that follow ends it, or the end of the run does.

    Attributes:
        run_id: the run.
        workflow: the name of the workflow.
        builder: the name of the builder.
        at: when; aware, in UTC.
        attempt: 1, or more where a retry has called it before.
        changed: those of its consumes and optionals, by class, that are newer than at its last finished call; all that
            are there, if there was none.
    """

    run_id: str
    workflow: str
    builder: str
    at: datetime
    attempt: int
    changed: Mapping[type, object] = attrs.field(repr=False)


@final
@_event
class DataBuilt:
    """A builder has built a data, which is committed.

    Attributes:
        run_id: the run.
        workflow: the name of the workflow.
        builder: the name of the builder.
        at: when; aware, in UTC.
        took_s: seconds since it was started.
        produced: the data.
        kept: whether it is equal to what was there, which has kept its version: nothing is rebuilt for it.
    """

    run_id: str
    workflow: str
    builder: str
    at: datetime
    took_s: float
    produced: object = attrs.field(repr=False)
    kept: bool


@final
@_event
class NothingBuilt:
    """A builder has returned nothing, which is committed.

    Attributes:
        run_id: the run.
        workflow: the name of the workflow.
        builder: the name of the builder.
        at: when; aware, in UTC.
        took_s: seconds since it was started.
    """

    run_id: str
    workflow: str
    builder: str
    at: datetime
    took_s: float


@final
@_event
class BuilderFailed:
    """A builder has failed, and is not tried again in this call.

    Attributes:
        run_id: the run.
        workflow: the name of the workflow.
        builder: the name of the builder.
        at: when; aware, in UTC.
        took_s: seconds since it was started.
        error: what it raised; its text may quote a payload.
        attempt: which attempt it was, from 1.
    """

    run_id: str
    workflow: str
    builder: str
    at: datetime
    took_s: float
    error: Exception = attrs.field(repr=False)
    attempt: int


@final
@_event
class BuilderRetried:
    """A builder has failed, and is called again after a wait.

    Where `error` is a `RetryAt`, it has not failed, but asked to be called again at a time: in a later call, when the
    run is woken.

    Attributes:
        run_id: the run.
        workflow: the name of the workflow.
        builder: the name of the builder.
        at: when it failed; aware, in UTC.
        attempt: which attempt failed, from 1.
        error: what it raised; its text may quote a payload.
        wait_s: seconds until the next attempt.
    """

    run_id: str
    workflow: str
    builder: str
    at: datetime
    attempt: int
    error: Exception = attrs.field(repr=False)
    wait_s: float


@final
@_event
class RunEnded:
    """A call of `run` ends, whether it returns or raises.

    Attributes:
        run_id: the run.
        workflow: the name of the workflow.
        at: when; aware, in UTC.
        took_s: seconds since this call started.
        status: where the run stands, the value of a `Status`; of a call that was cut off, by what it has committed.
        missing: the names of the inputs that it waits for.
        error: what the call raises, if it does; its text may quote a payload.
    """

    run_id: str
    workflow: str
    at: datetime
    took_s: float
    status: Literal["failed", "due", "complete", "paused"]
    missing: Tuple[str, ...]
    error: Optional[BaseException] = attrs.field(repr=False)


Event = Union[RunStarted, BuilderStarted, DataBuilt, NothingBuilt, BuilderFailed, BuilderRetried, RunEnded]
"""All that a hook can be told."""


# --- hooks -----------------------------------------------------------------------------------------------------------


class Hook(Protocol):
    """What an executor tells of its runs: derive from it, and write those methods that you need.

    A method that is not written is never called and costs nothing. A class that does not derive from it needs all of
    them. One that does may have methods of its own; of those, a name that looks misspelt is refused. They are called in
    the thread that runs the builder, or that called `run`, never under a lock, in the order of `hooks=`: of several
    builders at once, so a hook that keeps something has to guard it. What a method returns is ignored. Each
    `run_started` is followed by one `run_ended`, each `builder_started` by one of `built`, `returned_nothing`, `failed`
    and `retried`; where that builder was interrupted, cancelled, or not called as a strict hook raised at its start,
    only the `run_ended` of its call follows, with that as its error.

    Attributes:
        strict: what happens when a method raises. False, the default: the error is logged by `polaris_dsl.hooks`, and
            the run goes on as if nothing had happened. True: it ends the call as `HookFailed`, once all that is
            running has been committed.

    Example:
        >>> class Audit(Hook):
        ...     def built(self, event: DataBuilt, /) -> None:
        ...         print(f"{event.builder} built {type(event.produced).__name__}")
    """

    strict: bool = False

    # Type checkers take a method of a protocol without so much as a `return` for one that has to be written.

    def run_started(self, event: RunStarted, /) -> None:
        """Hear that a call of `run` begins."""
        return

    def builder_started(self, event: BuilderStarted, /) -> None:
        """Hear that a builder is about to be called. It is not if this is strict and raises."""
        return

    def built(self, event: DataBuilt, /) -> None:
        """Hear that a data was built and committed."""
        return

    def returned_nothing(self, event: NothingBuilt, /) -> None:
        """Hear that a builder returned nothing."""
        return

    def failed(self, event: BuilderFailed, /) -> None:
        """Hear that a builder failed and is not tried again in this call."""
        return

    def retried(self, event: BuilderRetried, /) -> None:
        """Hear that a builder failed and is tried again after a wait, or asked for that by `RetryAt`."""
        return

    def run_ended(self, event: RunEnded, /) -> None:
        """Hear that a call of `run` ends."""
        return


@final
class LogHook(Hook):
    """Logs every event in one line, with fields that a structured handler can take up; never a payload.

    Each record has `polaris_event`, `polaris_run_id`, `polaris_workflow`, `polaris_at`, and what the event knows
    besides: `polaris_builder`, `polaris_attempt`, `polaris_data` (names of classes), `polaris_took_s`,
    `polaris_wait_s`, `polaris_kept`, `polaris_error` (the name of its class), `polaris_status`. Safe to share between
    threads.

    Args:
        logger: where to; default: the logger `polaris_dsl.run`.
        level: of what goes well, and of a builder that asked to be called again by `RetryAt`. A retry after a failure
            has at least WARNING, a failure at least ERROR.
    """

    def __init__(self, *, logger: Optional[logging.Logger] = None, level: int = logging.INFO) -> None:
        self._logger = logging.getLogger("polaris_dsl.run") if logger is None else logger
        self._level = level

    def run_started(self, event: RunStarted, /) -> None:
        """Log what the run was fed."""
        fed = _names(event.fed)
        self._log("run_started", event, f"started, fed {_listed(fed) or 'nothing'}", {"data": fed})

    def builder_started(self, event: BuilderStarted, /) -> None:
        """Log what has changed for the builder."""
        changed, again = _names(event.changed), f", attempt {event.attempt}" * (event.attempt > 1)
        fields = {"attempt": event.attempt, "data": changed}
        self._log("builder_started", event, f"started{again}, for {_listed(changed) or 'nothing'}", fields)

    def built(self, event: DataBuilt, /) -> None:
        """Log the class of what was built."""
        name = type(event.produced).__name__
        kept = ", equal to what was there," * event.kept
        fields = {"data": (name,), "kept": event.kept, "took_s": event.took_s}
        self._log("built", event, f"built {name}{kept} in {event.took_s:.3f} s", fields)

    def returned_nothing(self, event: NothingBuilt, /) -> None:
        """Log that there is nothing."""
        text = f"returned nothing in {event.took_s:.3f} s"
        self._log("returned_nothing", event, text, {"took_s": event.took_s})

    def failed(self, event: BuilderFailed, /) -> None:
        """Log the class of the error."""
        name = type(event.error).__name__
        fields = {"attempt": event.attempt, "error": name, "took_s": event.took_s}
        text = f"failed with {name} in {event.took_s:.3f} s, attempt {event.attempt}"
        self._log("failed", event, text, fields, least=logging.ERROR)

    def retried(self, event: BuilderRetried, /) -> None:
        """Log the class of the error, and when the next attempt is."""
        if isinstance(event.error, RetryAt):
            until = event.error.when.isoformat(timespec="seconds")
            waits = {"attempt": event.attempt, "wait_s": event.wait_s}
            self._log("retried", event, f"asked to be called again at {until}", waits)
            return
        name = type(event.error).__name__
        fields = {"attempt": event.attempt, "error": name, "wait_s": event.wait_s}
        text = f"failed with {name}, attempt {event.attempt}; again in {event.wait_s:.3f} s"
        self._log("retried", event, text, fields, least=logging.WARNING)

    def run_ended(self, event: RunEnded, /) -> None:
        """Log where the run stands."""
        error = None if event.error is None else type(event.error).__name__
        raised = "" if error is None else f", raised {error}"
        waits = f", waits for {_listed(event.missing)}" if event.missing else ""
        fields = {"data": event.missing, "error": error, "status": event.status, "took_s": event.took_s}
        text = f"{event.status} after {event.took_s:.3f} s{waits}{raised}"
        self._log("run_ended", event, text, fields, least=logging.NOTSET if error is None else logging.ERROR)

    def _log(
        self, kind: str, event: Event, text: str, fields: Mapping[str, object], *, least: int = logging.NOTSET
    ) -> None:
        level = max(self._level, least)
        if not self._logger.isEnabledFor(level):
            return
        builder = getattr(event, "builder", None)
        extra: Dict[str, object] = {"event": kind, "run_id": event.run_id, "workflow": event.workflow, "at": event.at}
        extra.update(fields)
        if builder is not None:
            extra["builder"] = builder
            text = f"{builder} {text}"
        named = {f"polaris_{name}": value for name, value in extra.items()}
        self._logger.log(level, "run %r of %s: %s", event.run_id, event.workflow, text, extra=named)


def _names(data: Iterable[type]) -> Tuple[str, ...]:
    return tuple(one.__name__ for one in data)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
