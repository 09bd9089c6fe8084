"""What the real SDK of OpenTelemetry gets: one trace for each run, its builders below its calls, and metrics."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, Optional, Set, Tuple

import pytest
from opentelemetry import context as contexts
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
from opentelemetry.trace import StatusCode, get_current_span

from polaris_dsl import Access, Executor, Hook, HookFailed, builder, workflow
from polaris_dsl._hooked import hooked
from polaris_dsl.hooks import BuilderStarted
from polaris_dsl.otel import OpenTelemetryHook
from tests import hook_driver as driver
from tests.hook_driver import ORDER, Charged, Driver, events_of


class Telemetry:
    """A hook, and what the SDK has got of it."""

    def __init__(self) -> None:
        self._exporter, self._reader = InMemorySpanExporter(), InMemoryMetricReader()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.meters = MeterProvider([self._reader])
        self.hook = OpenTelemetryHook(tracer_provider=self.tracers, meter_provider=self.meters)

    @property
    def spans(self) -> List[ReadableSpan]:
        return list(self._exporter.get_finished_spans())

    def named(self, name: str) -> List[ReadableSpan]:
        return [span for span in self.spans if span.name == name]

    def points(self, name: str) -> List[Tuple[Dict[str, Any], Any]]:
        data: Any = self._reader.get_metrics_data()
        found = [
            metric
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
        ]
        return [(dict(point.attributes), point) for metric in found for point in metric.data.data_points]

    def close(self) -> None:
        self.tracers.shutdown()
        self.meters.shutdown()


@pytest.fixture
def telemetry() -> Iterator[Telemetry]:
    made = Telemetry()
    yield made
    made.close()
    assert contexts.get_current() == {}, "nothing is left behind in the context of the caller"


def trace_of(span: ReadableSpan) -> int:
    assert span.context is not None
    trace_id: int = span.context.trace_id
    return trace_id


def id_of(span: ReadableSpan) -> int:
    assert span.context is not None
    span_id: int = span.context.span_id
    return span_id


def parent_of(span: ReadableSpan) -> Optional[int]:
    return None if span.parent is None else span.parent.span_id


def facts_of(span: ReadableSpan) -> Mapping[str, Any]:
    assert span.attributes is not None
    return span.attributes


# --- traces ----------------------------------------------------------------------------------------------------------


def test_a_call_is_a_span_and_each_builder_one_below_it(telemetry: Telemetry) -> None:
    Driver([telemetry.hook]).call("r", {"charge": lambda: Charged("x"), "invoice": lambda: Charged("y")})
    (run,) = telemetry.named("polaris.run shop")
    builders = [*telemetry.named("polaris.builder charge"), *telemetry.named("polaris.builder invoice")]
    assert len(telemetry.spans) == 3
    assert [parent_of(span) for span in builders] == [id_of(run), id_of(run)]
    assert {trace_of(span) for span in telemetry.spans} == {trace_of(run)}
    assert {key: facts_of(run)[key] for key in facts_of(run)} == {
        "polaris.workflow": "shop",
        "polaris.run_id": "r",
        "polaris.fed": ("Order",),
        "polaris.status": "complete",
        "polaris.missing": (),
    }
    assert dict(facts_of(builders[0])) == {
        "polaris.workflow": "shop",
        "polaris.run_id": "r",
        "polaris.builder": "charge",
        "polaris.attempt": 1,
        "polaris.changed": ("Order",),
        "polaris.outcome": "built",
        "polaris.produced": "Charged",
    }


def test_a_run_is_one_trace_over_its_pauses_whoever_runs_it(telemetry: Telemetry) -> None:
    other = Telemetry()  # as in another process, days later
    Driver([telemetry.hook]).call("r", {"charge": int})
    Driver([telemetry.hook]).call("r", {"invoice": int})
    Driver([other.hook]).call("r", {"send": int})
    calls = [*telemetry.named("polaris.run shop"), *other.named("polaris.run shop")]
    assert len({trace_of(span) for span in [*telemetry.spans, *other.spans]}) == 1
    assert len({id_of(span) for span in calls}) == 3
    assert len({parent_of(span) for span in calls}) == 1
    assert all(span.parent is not None and span.parent.is_remote and span.parent.is_valid for span in calls)
    other.close()


def test_a_trace_is_the_same_in_another_process(telemetry: Telemetry) -> None:
    Driver([telemetry.hook]).call("r", {})
    code = "from polaris_dsl.otel import _root_of; print(_root_of('shop', 'r').trace_id)"
    root = Path(__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", code], cwd=str(root), capture_output=True, text=True, check=True)
    assert int(done.stdout) == trace_of(telemetry.spans[0])


def test_other_runs_have_other_traces(telemetry: Telemetry) -> None:
    for run_id in ("r", "s", "t"):
        Driver([telemetry.hook]).call(run_id, {"charge": int})
    assert len({trace_of(span) for span in telemetry.spans}) == 3


def test_spans_take_as_long_as_the_events_say(telemetry: Telemetry) -> None:
    for tell in events_of(telemetry.hook):
        tell()
    took = {span.name: (span.end_time or 0) - (span.start_time or 0) for span in telemetry.spans}
    assert took["polaris.builder send"] == 2_000_000_000
    assert took["polaris.run shop"] == 3_000_000_000
    assert telemetry.spans[-1].start_time == int(driver.START.timestamp()) * 1_000_000_000


def test_every_attempt_is_a_span_that_tells_how_it_ended(telemetry: Telemetry) -> None:
    for tell in events_of(telemetry.hook):
        tell()
    told = [
        (facts_of(span)["polaris.builder"], facts_of(span)["polaris.attempt"], facts_of(span)["polaris.outcome"])
        for span in telemetry.spans[:-1]
    ]
    assert told == [
        ("charge", 1, "retried"),
        ("charge", 2, "built"),
        ("invoice", 1, "nothing"),
        ("send", 1, "failed"),
    ]
    assert facts_of(telemetry.spans[0])["polaris.wait_s"] == 0.5


def test_a_builder_that_asked_to_be_called_later_has_not_failed(telemetry: Telemetry) -> None:
    telemetry.hook.run_started(driver.run_started())
    telemetry.hook.builder_started(driver.builder_started())
    telemetry.hook.retried(driver.postponed())
    telemetry.hook.run_ended(driver.run_ended(status="paused"))
    charge = telemetry.spans[0]
    assert charge.status.status_code is StatusCode.UNSET
    assert "error.type" not in facts_of(charge)
    told = {name: facts_of(charge)[f"polaris.{name}"] for name in ("outcome", "wait_s", "wake_at")}
    assert told == {"outcome": "postponed", "wait_s": 3598.0, "wake_at": "2026-01-01T01:00:00+00:00"}
    ((counted, point),) = telemetry.points("polaris.builder.outcomes")
    assert (counted["polaris.outcome"], point.value) == ("postponed", 1)


def test_an_error_is_told_by_its_class_and_nothing_else(telemetry: Telemetry) -> None:
    class OfShop(Exception):
        """An error of the user's."""

    telemetry.hook.run_started(driver.run_started())
    telemetry.hook.builder_started(driver.builder_started())
    telemetry.hook.failed(driver.failed())
    telemetry.hook.run_ended(driver.run_ended(status="failed", error=OfShop(ORDER.secret)))
    charge, run = telemetry.spans
    assert (charge.status.status_code, charge.status.description) == (StatusCode.ERROR, None)
    assert (run.status.status_code, run.status.description) == (StatusCode.ERROR, None)
    assert facts_of(charge)["error.type"] == "ValueError"
    assert facts_of(run)["error.type"] == f"{__name__}.{OfShop.__qualname__}"
    assert (charge.events, run.events) == ((), ())


def test_nothing_that_is_exported_holds_a_payload(telemetry: Telemetry) -> None:
    for tell in events_of(telemetry.hook):
        tell()
    telemetry.hook.run_started(driver.run_started())
    telemetry.hook.run_ended(driver.run_ended(error=ValueError(ORDER.secret)))
    assert len(telemetry.spans) == 6
    assert [span.name for span in telemetry.spans if ORDER.secret in span.to_json()] == []


def test_a_call_is_linked_to_what_was_current_where_it_was_made(telemetry: Telemetry) -> None:
    tracer = telemetry.tracers.get_tracer("shop")
    with tracer.start_as_current_span("GET /checkout") as request:
        Driver([telemetry.hook]).call("r", {})
        assert get_current_span() is request
    Driver([telemetry.hook]).call("r", {})
    first, second = telemetry.named("polaris.run shop")
    assert [link.context.span_id for link in first.links] == [request.get_span_context().span_id]
    assert second.links == ()
    assert trace_of(first) != request.get_span_context().trace_id


def test_a_share_of_the_runs_can_be_traced_each_of_them_whole() -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(sampler=TraceIdRatioBased(0.5))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    hook = OpenTelemetryHook(tracer_provider=provider)
    for number in range(60):
        Driver([hook]).call(f"r-{number}", {"charge": int})
    spans = exporter.get_finished_spans()
    traced = {facts_of(span)["polaris.run_id"] for span in spans}
    assert 0 < len(traced) < 60
    assert len(spans) == 2 * len(traced)


# --- threads and loops -----------------------------------------------------------------------------------------------


def test_what_a_builder_calls_is_traced_below_it_in_its_own_thread(telemetry: Telemetry) -> None:
    tracer = telemetry.tracers.get_tracer("bank")
    together = threading.Barrier(2, timeout=10)

    def asking(bank: str) -> Charged:
        together.wait()
        with tracer.start_as_current_span(bank):
            together.wait()
        return Charged(bank)

    builders = {"charge": lambda: asking("POST /charge"), "book": lambda: asking("POST /book")}
    Driver([telemetry.hook]).call("r", builders, threads=2)
    for name in ("charge", "book"):
        (below,), (span,) = telemetry.named(f"POST /{name}"), telemetry.named(f"polaris.builder {name}")
        assert parent_of(below) == id_of(span)


def test_runs_at_once_do_not_mix(telemetry: Telemetry) -> None:
    tracer = telemetry.tracers.get_tracer("bank")

    def asking(run_id: str) -> Charged:
        with tracer.start_as_current_span(f"ask {run_id}"):
            return Charged(run_id)

    def one(number: int) -> None:
        run_id = f"r-{number}"
        builders = {name: lambda: asking(run_id) for name in ("a", "b", "c")}
        Driver([telemetry.hook]).call(run_id, builders, threads=3)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(40)))
    runs = {id_of(span): span for span in telemetry.named("polaris.run shop")}
    builders = {id_of(span): span for span in telemetry.spans if span.name.startswith("polaris.builder")}
    asked = [span for span in telemetry.spans if span.name.startswith("ask")]
    assert (len(runs), len(builders), len(asked)) == (40, 120, 120)
    for span in builders.values():
        assert facts_of(runs[parent_of(span) or 0])["polaris.run_id"] == facts_of(span)["polaris.run_id"]
    for span in asked:
        assert span.name == f"ask {facts_of(builders[parent_of(span) or 0])['polaris.run_id']}"
    assert len({trace_of(span) for span in telemetry.spans}) == 40


async def asking_slowly(telemetry: Telemetry, name: str, *, run_id: str) -> None:
    to = hooked([telemetry.hook])
    assert to is not None
    to.tell(to.builder_started, driver.builder_started(name, run_id=run_id))
    await asyncio.sleep(0)
    with telemetry.tracers.get_tracer("bank").start_as_current_span(f"ask {run_id} {name}"):
        await asyncio.sleep(0)
    to.tell(to.built, driver.built(name, run_id=run_id))


async def arun(telemetry: Telemetry, run_id: str) -> None:
    telemetry.hook.run_started(driver.run_started(run_id))
    await asyncio.gather(*(asking_slowly(telemetry, name, run_id=run_id) for name in ("a", "b")))
    telemetry.hook.run_ended(driver.run_ended(run_id))
    assert contexts.get_current() == {}


async def many(telemetry: Telemetry) -> None:
    await asyncio.gather(*(arun(telemetry, f"r-{number}") for number in range(20)))


def test_runs_at_once_in_one_loop_do_not_mix(telemetry: Telemetry) -> None:
    asyncio.run(many(telemetry))
    by_id = {id_of(span): span for span in telemetry.spans}
    asked = [span for span in telemetry.spans if span.name.startswith("ask")]
    assert (len(by_id), len(asked)) == (100, 40)
    for span in asked:
        builder = by_id[parent_of(span) or 0]
        facts, run = facts_of(builder), by_id[parent_of(builder) or 0]
        assert span.name == f"ask {facts['polaris.run_id']} {facts['polaris.builder']}"
        assert facts_of(run)["polaris.run_id"] == facts["polaris.run_id"]


def test_builders_that_overlap_in_one_context_leave_nothing_behind(telemetry: Telemetry) -> None:
    hook = telemetry.hook
    hook.run_started(driver.run_started())
    inside = get_current_span()
    hook.builder_started(driver.builder_started("a"))
    hook.builder_started(driver.builder_started("b"))
    hook.built(driver.built("a"))
    hook.built(driver.built("b"))
    assert get_current_span() is inside
    hook.run_ended(driver.run_ended())


def test_another_thread_may_speak_for_a_builder_that_does_not_come_back(telemetry: Telemetry) -> None:
    hook, seen = telemetry.hook, []
    hook.run_started(driver.run_started())
    stuck = threading.Thread(target=lambda: hook.builder_started(driver.builder_started("stuck")))
    stuck.start()  # a bare thread, which knows no context
    stuck.join()
    hook.builder_started(driver.builder_started("charge"))
    seen.append(get_current_span())
    hook.failed(driver.failed("stuck"))
    assert get_current_span() is seen[0]
    hook.built(driver.built("charge"))
    hook.run_ended(driver.run_ended())
    run = telemetry.named("polaris.run shop")[0]
    assert [parent_of(span) for span in telemetry.spans[:2]] == [id_of(run)] * 2


def test_a_thread_that_knows_no_context_gets_its_own_back(telemetry: Telemetry) -> None:
    hook, left = telemetry.hook, []

    def work() -> None:
        hook.builder_started(driver.builder_started())
        hook.built(driver.built())
        left.append(contexts.get_current())

    hook.run_started(driver.run_started())
    bare = threading.Thread(target=work)
    bare.start()
    bare.join()
    hook.run_ended(driver.run_ended())
    assert left == [{}]


def test_another_thread_may_speak_for_the_run_without_losing_its_own_context(telemetry: Telemetry) -> None:
    hook, tracer = telemetry.hook, telemetry.tracers.get_tracer("shop")
    begins = threading.Thread(target=lambda: hook.run_started(driver.run_started()))
    begins.start()
    begins.join()
    with tracer.start_as_current_span("GET /checkout") as request:
        hook.run_ended(driver.run_ended())
        assert get_current_span() is request
    assert len(telemetry.named("polaris.run shop")) == 1


def test_a_builder_is_put_below_its_own_run_wherever_it_is_called(telemetry: Telemetry) -> None:
    hook = telemetry.hook
    other = threading.Thread(target=lambda: hook.run_started(driver.run_started("other")))
    other.start()
    other.join()
    hook.run_started(driver.run_started("r"))
    inside = get_current_span()
    hook.builder_started(driver.builder_started(run_id="other"))
    hook.built(driver.built(run_id="other"))
    assert get_current_span() is inside
    hook.run_ended(driver.run_ended("r"))
    hook.run_ended(driver.run_ended("other"))
    (builder,), (_, run) = telemetry.named("polaris.builder charge"), telemetry.named("polaris.run shop")
    assert (parent_of(builder), trace_of(builder)) == (id_of(run), trace_of(run))


def test_runs_of_one_name_in_two_stores_at_once_are_told_apart_where_threads_inherit_their_context(
    telemetry: Telemetry,
) -> None:
    first_has_begun, second_has_ended = threading.Event(), threading.Event()

    def slow() -> Charged:
        first_has_begun.set()
        assert second_has_ended.wait(10)
        return Charged("first")

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(Driver([telemetry.hook]).call, "r", {"first": slow, "third": int})
        assert first_has_begun.wait(10)
        Driver([telemetry.hook]).call("r", {"second": int})
        second_has_ended.set()
        first.result()
    second_run, first_run = telemetry.named("polaris.run shop")
    parents: Dict[str, Optional[int]] = {span.name: parent_of(span) for span in telemetry.spans}
    assert parents["polaris.builder first"] == parents["polaris.builder third"] == id_of(first_run)
    assert parents["polaris.builder second"] == id_of(second_run)


def test_a_run_within_a_builder_of_another_is_linked_to_that_builder(telemetry: Telemetry) -> None:
    inner = Driver([telemetry.hook])
    Driver([telemetry.hook]).call("outer", {"order": lambda: inner.call("inner", {"charge": int})})
    inner_run, outer_run = telemetry.named("polaris.run shop")
    (order,) = telemetry.named("polaris.builder order")
    assert [link.context.span_id for link in inner_run.links] == [id_of(order)]
    assert trace_of(inner_run) != trace_of(outer_run)
    assert parent_of(order) == id_of(outer_run)


def test_events_of_a_run_that_the_hook_has_not_seen_begin_are_counted_at_most(telemetry: Telemetry) -> None:
    for tell in events_of(telemetry.hook)[1:]:
        tell()
    assert telemetry.spans == []
    assert sum(point.value for _, point in telemetry.points("polaris.builder.outcomes")) == 4
    assert sum(point.count for _, point in telemetry.points("polaris.builder.duration")) == 3


# --- metrics ---------------------------------------------------------------------------------------------------------


def test_outcomes_and_endings_are_counted(telemetry: Telemetry) -> None:
    for _ in range(2):
        for tell in events_of(telemetry.hook):
            tell()
    telemetry.hook.run_started(driver.run_started())
    telemetry.hook.builder_started(driver.builder_started())
    telemetry.hook.built(driver.built(kept=True))
    telemetry.hook.run_ended(driver.run_ended(status="paused", missing=["Otp"]))
    outcomes = {
        (facts["polaris.builder"], facts["polaris.outcome"]): point.value
        for facts, point in telemetry.points("polaris.builder.outcomes")
    }
    endings = {facts["polaris.status"]: point.value for facts, point in telemetry.points("polaris.run.endings")}
    assert outcomes == {
        ("charge", "retried"): 2,
        ("charge", "built"): 2,
        ("charge", "kept"): 1,
        ("invoice", "nothing"): 2,
        ("send", "failed"): 2,
    }
    assert endings == {"complete": 2, "paused": 1}


def test_durations_are_in_seconds_those_of_retried_attempts_too(telemetry: Telemetry) -> None:
    for tell in events_of(telemetry.hook):
        tell()
    points = telemetry.points("polaris.builder.duration")
    assert {facts["polaris.outcome"]: (point.count, point.sum) for facts, point in points} == {
        "retried": (1, 2.0),
        "built": (1, 2.0),
        "nothing": (1, 2.0),
        "failed": (1, 2.0),
    }
    assert points[0][1].explicit_bounds[0] < 0.01


def test_no_metric_grows_with_the_number_of_runs(telemetry: Telemetry) -> None:
    for number in range(5):
        Driver([telemetry.hook]).call(f"r-{number}", {"charge": int})
    names = ("polaris.builder.outcomes", "polaris.builder.duration", "polaris.run.endings")
    keys: Set[str] = set()
    for name in names:
        ((facts, _),) = telemetry.points(name)
        keys |= set(facts)
    assert keys == {"polaris.workflow", "polaris.builder", "polaris.outcome", "polaris.status"}


def test_the_span_of_a_builder_that_is_interrupted_ends_with_its_run(telemetry: Telemetry) -> None:
    def interrupted(charged: Access[Charged]) -> Charged:
        raise KeyboardInterrupt

    flow = workflow(target=Charged, builders=[builder(interrupted)])
    with Executor(flow, hooks=[telemetry.hook]) as executor, pytest.raises(KeyboardInterrupt):
        executor.run("r")
    (span,) = telemetry.named("polaris.builder interrupted")
    assert facts_of(span)["error.type"] == "KeyboardInterrupt"


@pytest.mark.parametrize("is_awaited", [False, True])
def test_the_span_of_a_builder_that_a_strict_hook_keeps_from_being_called_ends_with_its_run(
    telemetry: Telemetry, *, is_awaited: bool
) -> None:
    class Vetoes(Hook):
        strict = True

        def builder_started(self, event: BuilderStarted, /) -> None:
            raise KeyError

    def vetoed(charged: Access[Charged]) -> Charged:
        raise AssertionError

    flow = workflow(target=Charged, builders=[builder(vetoed)])
    before = contexts.get_current()
    with Executor(flow, hooks=[telemetry.hook, Vetoes()]) as executor, pytest.raises(HookFailed):
        asyncio.run(executor.arun("r")) if is_awaited else executor.run("r")
    (span,) = telemetry.named("polaris.builder vetoed")
    assert facts_of(span)["error.type"] == "polaris_dsl.errors.HookFailed"
    assert contexts.get_current() == before


def test_without_an_sdk_nothing_happens() -> None:
    for tell in events_of(OpenTelemetryHook()):
        assert tell() is None
    assert contexts.get_current() == {}
