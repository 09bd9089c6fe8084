"""Tells OpenTelemetry of runs: one trace for each run over all its calls, and metrics. Needs `polaris-dsl[otel]`."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from types import MappingProxyType
from typing import Dict, Iterable, Mapping, Optional, Tuple, Union

import attrs
from opentelemetry.context import Context, attach, create_key, get_current, get_value, set_value
from opentelemetry.metrics import MeterProvider, get_meter
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    Status,
    StatusCode,
    TraceFlags,
    TracerProvider,
    get_current_span,
    get_tracer,
    set_span_in_context,
)
from typing_extensions import final

from polaris_dsl.errors import RetryAt
from polaris_dsl.hooks import (
    BuilderFailed,
    BuilderRetried,
    BuilderStarted,
    DataBuilt,
    Event,
    NothingBuilt,
    RunEnded,
    RunStarted,
)

__all__ = ["OpenTelemetryHook"]

_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)

_Settled = Union[DataBuilt, NothingBuilt, BuilderFailed, BuilderRetried]
_RunKey = Tuple[str, str]


@attrs.frozen
class _Attempt:
    """An attempt of a builder that is running: its span, since when, and the context that its thread goes back to."""

    span: Span
    at: datetime
    outside: Context


@attrs.frozen(eq=False)
class _Call:
    """A call of `run`: its span, the context that its thread goes back to, and what is running, by builder."""

    key: _RunKey
    span: Span
    outside: Context
    running: Dict[str, _Attempt] = attrs.field(factory=dict)


@final
class OpenTelemetryHook:
    """Makes spans and metrics of runs. Payloads and the texts of errors are never told. Safe to share between threads.

    Spans: `polaris.run <workflow>` for each call of `run`, below it `polaris.builder <builder>` for each attempt of a
    builder. All calls of a run, in whatever process, share one trace, whose id is derived from the names of workflow
    and run; what was current where `run` was called is linked. While a builder runs, its span is the current one: what
    it calls is traced below it.

    Metrics, by workflow and builder, never by run: the counter `polaris.builder.outcomes` (`built`, `kept`, `nothing`,
    `failed`, `retried`, `postponed` by `RetryAt`), the histogram `polaris.builder.duration` in seconds, the counter
    `polaris.run.endings` by status.

    Args:
        tracer_provider: makes the spans; default: the global one.
        meter_provider: makes the metrics; default: the global one.
    """

    strict = False

    def __init__(
        self, *, tracer_provider: Optional[TracerProvider] = None, meter_provider: Optional[MeterProvider] = None
    ) -> None:
        self._tracer = get_tracer("polaris_dsl", tracer_provider=tracer_provider)
        meter = get_meter("polaris_dsl", meter_provider=meter_provider)
        self._outcomes = meter.create_counter(
            "polaris.builder.outcomes", "{attempt}", "How attempts of builders ended."
        )
        self._durations = meter.create_histogram(
            *("polaris.builder.duration", "s", "How long attempts of builders took."),
            explicit_bucket_boundaries_advisory=_BUCKETS_S,
        )
        self._endings = meter.create_counter("polaris.run.endings", "{call}", "Where calls of run left their runs.")
        self._calls: Dict[_RunKey, _Call] = {}
        self._current = create_key("polaris-call")

    # --- runs

    def run_started(self, event: RunStarted, /) -> None:
        """Begin the span of this call, and make it the current one."""
        outside, caller = get_current(), get_current_span().get_span_context()
        span = self._tracer.start_span(
            f"polaris.run {event.workflow}",
            set_span_in_context(NonRecordingSpan(_root_of(event.workflow, event.run_id)), outside),
            attributes={
                "polaris.workflow": event.workflow,
                "polaris.run_id": event.run_id,
                "polaris.fed": _names(event.fed),
            },
            links=[Link(caller)] if caller.is_valid else [],
            start_time=_ns(event.at),
        )
        call = _Call((event.workflow, event.run_id), span, outside)
        self._calls[call.key] = call
        attach(self._inside(call))

    def run_ended(self, event: RunEnded, /) -> None:
        """End the span of this call, and count it."""
        self._endings.add(1, {"polaris.workflow": event.workflow, "polaris.status": event.status})
        call = self._call_of(event)
        if call is None:
            return
        if self._calls.get(call.key) is call:
            del self._calls[call.key]
        for attempt in call.running.values():  # cancelled, or interrupted: nobody told how it ended
            _end(attempt.span, event.at, error=event.error)
        call.span.set_attributes({"polaris.status": event.status, "polaris.missing": event.missing})
        _end(call.span, event.at, error=event.error)
        if get_value(self._current) is call:
            attach(call.outside)

    # --- builders

    def builder_started(self, event: BuilderStarted, /) -> None:
        """Begin the span of this attempt, and make it the current one of this thread."""
        call = self._call_of(event)
        if call is None:
            return
        inside = self._inside(call)
        span = self._tracer.start_span(
            f"polaris.builder {event.builder}",
            inside,
            attributes={
                "polaris.workflow": event.workflow,
                "polaris.run_id": event.run_id,
                "polaris.builder": event.builder,
                "polaris.attempt": event.attempt,
                "polaris.changed": _names(event.changed),
            },
            start_time=_ns(event.at),
        )
        # Where the thread is in this call already, it goes back to the call: in the middle of a loop, what is current
        # may be another builder, which ends before this one.
        outside = inside if get_value(self._current) is call else get_current()
        call.running[event.builder] = _Attempt(span, event.at, outside)
        attach(set_span_in_context(span, inside))

    def built(self, event: DataBuilt, /) -> None:
        """End the span of this attempt with the class of what was built, and count it."""
        outcome = "kept" if event.kept else "built"
        self._settle(event, outcome, facts={"polaris.produced": type(event.produced).__name__})

    def returned_nothing(self, event: NothingBuilt, /) -> None:
        """End the span of this attempt, and count it."""
        self._settle(event, "nothing")

    def failed(self, event: BuilderFailed, /) -> None:
        """End the span of this attempt with the class of the error, and count it."""
        self._settle(event, "failed", error=event.error)

    def retried(self, event: BuilderRetried, /) -> None:
        """End the span of this attempt with the wait and, if it has failed, the class of the error, and count it."""
        if isinstance(event.error, RetryAt):
            until = event.error.when.isoformat()
            self._settle(event, "postponed", facts={"polaris.wait_s": event.wait_s, "polaris.wake_at": until})
        else:
            self._settle(event, "retried", error=event.error, facts={"polaris.wait_s": event.wait_s})

    def _settle(
        self,
        event: _Settled,
        outcome: str,
        *,
        error: Optional[Exception] = None,
        facts: Mapping[str, Union[str, float]] = MappingProxyType({}),
    ) -> None:
        call = self._call_of(event)
        attempt = None if call is None else call.running.pop(event.builder, None)
        told = {"polaris.workflow": event.workflow, "polaris.builder": event.builder, "polaris.outcome": outcome}
        self._outcomes.add(1, told)
        if not isinstance(event, BuilderRetried):
            self._durations.record(event.took_s, told)
        elif attempt is not None:
            self._durations.record((event.at - attempt.at).total_seconds(), told)
        if attempt is None:
            return
        attempt.span.set_attributes({"polaris.outcome": outcome, **facts})
        _end(attempt.span, event.at, error=error)
        if get_current_span() is attempt.span:  # not where another thread speaks for one that does not come back
            attach(attempt.outside)

    # --- which call

    def _call_of(self, event: Event) -> Optional[_Call]:
        """Return the call that an event belongs to; two of the same names may be going on, of two stores.

        So the one around the caller counts, as far as it is known: contexts follow into threads, where they are copied.
        """
        key = (event.workflow, event.run_id)
        around = get_value(self._current)
        return around if isinstance(around, _Call) and around.key == key else self._calls.get(key)

    def _inside(self, call: _Call) -> Context:
        return set_value(self._current, call, set_span_in_context(call.span, call.outside))


def _root_of(workflow: str, run_id: str) -> SpanContext:
    """Return what all calls of a run have above them: a span that nobody makes, with the trace id that they share."""
    facts = json.dumps([workflow, run_id]).encode()
    digest = hashlib.blake2b(facts, digest_size=24).digest()
    return SpanContext(
        trace_id=int.from_bytes(digest[:16], "big"),
        span_id=int.from_bytes(digest[16:], "big"),
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
    )


def _end(span: Span, at: datetime, *, error: Optional[BaseException]) -> None:
    """End a span; of an error only the class is told, for its text may quote a payload."""
    if error is not None:
        kind = type(error)
        module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
        span.set_attribute("error.type", f"{module}{kind.__qualname__}")
        span.set_status(Status(StatusCode.ERROR))
    span.end(_ns(at))


def _names(data: Iterable[type]) -> Tuple[str, ...]:
    return tuple(one.__name__ for one in data)


def _ns(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000) * 1000
