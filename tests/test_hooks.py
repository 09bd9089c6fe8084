"""Hooks hear of everything that they ask for, cost nothing otherwise, and keep their errors to themselves."""

from __future__ import annotations

import logging
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, List, Optional, cast
from unittest.mock import Mock

import attrs
import pytest

from polaris_dsl._hooked import Hooked, hooked
from polaris_dsl.errors import DefinitionError, HookFailed
from polaris_dsl.hooks import (
    BuilderFailed,
    BuilderRetried,
    BuilderStarted,
    DataBuilt,
    Event,
    Hook,
    LogHook,
    NothingBuilt,
    RunEnded,
    RunStarted,
)
from tests import hook_driver as driver
from tests.hook_driver import ORDER, Driver, events_of, told

KINDS = [field.name for field in attrs.fields(Hooked)]
EVENTS: List[Event] = [
    driver.run_started(),
    driver.builder_started(),
    driver.built(),
    driver.returned_nothing(),
    driver.failed(),
    driver.retried(),
    driver.run_ended(error=ValueError(ORDER.secret)),
]


class Silent(Hook):
    """Writes none of the methods."""


class Everything:
    """Derives from nothing, so it has all the methods; remembers what it hears."""

    strict = False

    def __init__(self) -> None:
        self.heard: List[Event] = []

    def run_started(self, event: RunStarted, /) -> None:
        self.heard.append(event)

    def builder_started(self, event: BuilderStarted, /) -> None:
        self.heard.append(event)

    def built(self, event: DataBuilt, /) -> None:
        self.heard.append(event)

    def returned_nothing(self, event: NothingBuilt, /) -> None:
        self.heard.append(event)

    def failed(self, event: BuilderFailed, /) -> None:
        self.heard.append(event)

    def retried(self, event: BuilderRetried, /) -> None:
        self.heard.append(event)

    def run_ended(self, event: RunEnded, /) -> None:
        self.heard.append(event)


class Audit(Hook):
    """Wants to hear what was built."""

    def __init__(self, *, heard: Optional[List[str]] = None, name: str = "audit") -> None:
        self.heard = [] if heard is None else heard
        self.name = name

    def built(self, event: DataBuilt, /) -> None:
        self.heard.append(f"{self.name} {event.run_id} {event.builder}")


class Broken(Hook):
    """Raises at what was built, with a payload in the text of its error."""

    def built(self, event: DataBuilt, /) -> None:
        raise KeyError(event.produced)


class Strict(Broken):
    strict = True


# --- who hears what --------------------------------------------------------------------------------------------------


def test_a_hook_that_has_all_methods_hears_every_event_as_it_was_made() -> None:
    everything = Everything()
    for tell in events_of(everything):
        assert tell() is None
    assert [type(event) for event in everything.heard] == [
        *(RunStarted, BuilderStarted, BuilderRetried, BuilderStarted, DataBuilt),
        *(BuilderStarted, NothingBuilt, BuilderStarted, BuilderFailed, RunEnded),
    ]
    assert everything.heard[0] == driver.run_started()


def test_a_method_that_is_not_written_is_never_called() -> None:
    to = told(Audit())
    assert [kind for kind in KINDS if getattr(to, kind)] == ["built"]


def test_a_method_that_a_class_inherits_from_another_hook_of_the_user_is_called() -> None:
    class Louder(Audit):
        """Has what Audit has."""

    assert len(told(Louder()).built) == 1


@pytest.mark.parametrize("hooks", [[], (), [Silent()], [Silent(), Silent()]])
def test_hooks_that_want_nothing_are_none(hooks: List[Hook]) -> None:
    assert hooked(hooks) is None


def test_hooks_are_told_in_the_order_given() -> None:
    heard: List[str] = []
    Driver([Audit(heard=heard, name="first"), Silent(), Audit(heard=heard, name="second")]).call("r", {"charge": int})
    assert heard == ["first r charge", "second r charge"]


def test_what_a_hook_itself_does_in_its_methods_is_nothing() -> None:
    silent = Silent()
    for kind, event in zip(KINDS, EVENTS):
        assert getattr(silent, kind)(event) is None


def test_what_a_method_returns_is_ignored() -> None:
    class Talkative(Hook):
        def built(self, event: DataBuilt, /) -> object:  # type: ignore[override]  # as a careless user writes it
            return HookFailed(hook="", event="", builder=None, run_id="")

    to = told(Talkative())
    assert to.tell(to.built, driver.built()) is None


def test_one_dispatcher_serves_many_runs_at_once_each_with_its_own_error() -> None:
    class Picky(Hook):
        strict = True

        def built(self, event: DataBuilt, /) -> None:
            together.wait()
            if event.run_id == "bad":
                raise ValueError

    together = threading.Barrier(2, timeout=10)
    to = told(Picky())
    with ThreadPoolExecutor(2) as pool:
        good = pool.submit(to.tell, to.built, driver.built(run_id="good"))
        bad = pool.submit(to.tell, to.built, driver.built(run_id="bad"))
    error = bad.result()
    assert error is not None
    assert (good.result(), error.run_id) == (None, "bad")


# --- hooks that raise ------------------------------------------------------------------------------------------------


def test_a_hook_that_raises_changes_nothing_and_those_after_it_are_told(caplog: pytest.LogCaptureFixture) -> None:
    audit = Audit()
    Driver([Broken(), audit]).call("r", {"charge": int})
    assert audit.heard == ["audit r charge"]
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("polaris_dsl.hooks", "ERROR")
    first, *trace = record.getMessage().splitlines()
    assert (
        first == "hook Broken raised KeyError in built of builder charge, in run 'r' of shop, which goes on without it"
    )
    assert any(__file__ in line for line in trace)
    assert "    raise KeyError(event.produced)" in trace


def test_what_is_logged_of_a_hook_that_raises_holds_no_payload(caplog: pytest.LogCaptureFixture) -> None:
    to = told(Broken())
    assert to.tell(to.built, driver.built()) is None
    assert ORDER.secret in str(driver.built().produced)
    assert ORDER.secret not in caplog.text
    assert caplog.records[0].exc_info is None


def test_a_hook_that_raises_at_the_end_of_a_run_is_logged_without_a_builder(caplog: pytest.LogCaptureFixture) -> None:
    class Late(Hook):
        def run_ended(self, event: RunEnded, /) -> None:
            raise ValueError

    Driver([Late()]).call("r", {})
    assert "hook Late raised ValueError in run_ended, in run 'r' of shop" in caplog.text


def test_a_strict_hook_ends_the_call_with_its_error(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(HookFailed) as caught:
        Driver([Strict()]).call("r", {"charge": int})
    error = caught.value
    assert (error.hook, error.event, error.builder, error.run_id) == ("Strict", "built", "charge", "r")
    assert isinstance(error.__cause__, KeyError)
    assert caplog.records == []


def test_a_strict_hook_that_raises_at_the_end_of_a_run_ends_the_call() -> None:
    class Late(Hook):
        strict = True

        def run_ended(self, event: RunEnded, /) -> None:
            raise ValueError

    with pytest.raises(HookFailed) as caught:
        Driver([Late()]).call("r", {"charge": int})
    assert (caught.value.event, caught.value.builder) == ("run_ended", None)


def test_all_hooks_are_told_though_a_strict_one_has_raised_and_its_error_is_the_first(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class StrictToo(Strict):
        """Raises as well."""

    audit = Audit()
    to = hooked([Strict(), StrictToo(), audit])
    assert to is not None
    error = to.tell(to.built, driver.built())
    assert error is not None
    assert error.hook == "Strict"
    assert audit.heard == ["audit r charge"]
    assert "hook StrictToo raised KeyError" in caplog.text


def test_strictness_may_be_a_matter_of_the_instance() -> None:
    class Sometimes(Broken):
        def __init__(self, *, strict: bool) -> None:
            self.strict = strict

    lax, strict = told(Sometimes(strict=False)), told(Sometimes(strict=True))
    assert lax.tell(lax.built, driver.built()) is None
    assert strict.tell(strict.built, driver.built()) is not None


def test_an_interrupt_from_the_keyboard_is_not_caught() -> None:
    class Interrupted(Hook):
        def built(self, event: DataBuilt, /) -> None:
            raise KeyboardInterrupt

    to = told(Interrupted())
    with pytest.raises(KeyboardInterrupt):
        to.tell(to.built, driver.built())


def test_the_error_of_a_strict_hook_tells_what_happened_and_what_is_next() -> None:
    error = HookFailed(hook="Audit", event="built", builder="charge", run_id="r")
    error.__cause__ = ValueError("disk full")
    assert str(error).splitlines() == [
        "hook Audit raised ValueError: disk full",
        "  in built of builder charge, in run 'r'",
        "  it is strict: what was running has been committed; the next call of run('r') goes on",
    ]


def test_the_error_of_a_strict_hook_keeps_its_run_and_its_cause_over_pickling() -> None:
    run = cast("Any", ["a run"])
    error = HookFailed(hook="Audit", event="run_ended", builder=None, run_id="r").with_run(run)
    error.__cause__ = ValueError("disk full")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  our own
    assert (str(again), again.run, repr(again.__cause__)) == (str(error), run, repr(error.__cause__))


# --- what is no hook -------------------------------------------------------------------------------------------------


class Half:
    strict = False

    def built(self, event: DataBuilt, /) -> None:
        """Be the only one."""


class Async(Hook):
    async def built(self, event: DataBuilt, /) -> None:  # type: ignore[override]  # the mistake in question
        """Be awaited."""


class Forgetful(Hook):
    def built(self) -> None:  # type: ignore[override]  # the mistake in question
        """Take nothing."""


class Misspelt(Hook):
    def on_built(self, event: DataBuilt, /) -> None:
        """Never be called."""


class Heir(Misspelt):
    """Inherits the mistake."""


class OfItsOwn(Hook):
    """Has public methods that are not called, and are not meant to be."""

    on_failed = None

    def built(self, event: DataBuilt, /) -> None:
        """Be called."""

    def on_built(self, event: DataBuilt, /) -> None:
        """Be called by that one."""

    def retries(self) -> int:
        """Return how many there were."""
        return 0

    def _failed(self, event: object, /) -> None:
        """Keep it to itself."""

    def summary(self, of: str) -> str:
        """Return something else."""
        return of


@pytest.mark.parametrize(
    ("hooks", "told_as"),
    [
        *(
            (
                [hook],
                (
                    f"hooks[0] is a value of type {type(hook).__name__}, whose method on_built is never called: "
                    "was built meant? If it is one of its own, let its name be less like that, or begin with _"
                ),
            )
            for hook in (Misspelt(), Heir())
        ),
        (LogHook(), "hooks= takes hooks in a list or tuple, such as [LogHook()], not a value of type LogHook"),
        (LogHook, "hooks= takes hooks in a list or tuple, such as [LogHook()], not the class LogHook itself"),
        ("audit", "hooks= takes hooks in a list or tuple, such as [LogHook()], not a value of type str"),
        ([Audit(), Audit], "hooks[1] is the class Audit itself, and only an instance can be told anything: Audit()"),
        (
            [Half()],
            (
                "hooks[0] is a value of type Half, which has no method run_started, builder_started, returned_nothing, "
                "failed, retried, run_ended: let its class derive from polaris_dsl.Hook, and it has to write only the "
                "methods that it needs"
            ),
        ),
        (
            [None],
            (
                "hooks[0] is a value of type NoneType, which has no method run_started, builder_started, built, "
                "returned_nothing, failed, retried, run_ended: let its class derive from polaris_dsl.Hook, and it has "
                "to write only the methods that it needs"
            ),
        ),
        (
            [Async()],
            (
                "hooks[0] is a value of type Async, whose method built is async, and hooks are called in threads where "
                "nothing awaits them: write a plain def"
            ),
        ),
        (
            [Forgetful()],
            (
                "hooks[0] is a value of type Forgetful, whose method built cannot be called with one event: "
                "write def built(self, event)"
            ),
        ),
    ],
)
def test_what_is_no_hook_is_refused_with_what_to_do(hooks: Any, told_as: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        hooked(hooks)
    assert str(caught.value) == told_as


def test_a_hook_may_have_methods_of_its_own() -> None:
    assert [method.kind for method in driver.told(OfItsOwn()).built] == ["built"]


def test_all_that_are_no_hooks_are_told_at_once() -> None:
    with pytest.raises(DefinitionError) as caught:
        hooked(cast("Any", [Audit, Audit(), Half()]))
    assert [line.partition(" ")[0] for line in str(caught.value).splitlines()] == ["hooks[0]", "hooks[2]"]


def test_methods_may_be_any_callables() -> None:
    mock, event = Mock(spec=Hook, strict=True), driver.retried()
    to = told(mock)
    to.tell(to.retried, event)
    mock.retried.assert_called_once_with(event)


def test_a_callable_that_does_not_say_what_it_takes_is_believed() -> None:
    audit = Audit()
    audit.built = max  # type: ignore[assignment,method-assign]  # a function in C without a signature
    assert len(told(audit).built) == 1


# --- events ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_that_is_printed_holds_no_payload(event: Event) -> None:
    assert ORDER.secret not in repr(event)
    assert "run_id='r'" in repr(event)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_has_no_place_for_anything_else(event: Event) -> None:
    with pytest.raises(AttributeError):
        cast("Any", event).other = 1


# --- LogHook ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], List[str]]:
    caplog.set_level(logging.INFO)
    return lambda: [f"{record.levelname} {record.getMessage()}" for record in caplog.records]


def test_the_log_tells_every_event_in_a_line(lines: Callable[[], List[str]]) -> None:
    for tell in events_of(LogHook()):
        tell()
    assert lines() == [
        "INFO run 'r' of shop: started, fed Order",
        "INFO run 'r' of shop: charge started, for Order",
        "WARNING run 'r' of shop: charge failed with ValueError, attempt 1; again in 0.500 s",
        "INFO run 'r' of shop: charge started, attempt 2, for Order",
        "INFO run 'r' of shop: charge built Charged in 2.000 s",
        "INFO run 'r' of shop: invoice started, for Order",
        "INFO run 'r' of shop: invoice returned nothing in 2.000 s",
        "INFO run 'r' of shop: send started, for Order",
        "ERROR run 'r' of shop: send failed with ValueError in 2.000 s, attempt 1",
        "INFO run 'r' of shop: complete after 3.000 s",
    ]


def test_the_log_tells_what_a_run_waits_for_what_it_raised_and_what_has_not_changed(
    lines: Callable[[], List[str]],
) -> None:
    hook = LogHook()
    hook.run_started(driver.run_started(fed={}))
    hook.builder_started(driver.builder_started(changed={}))
    hook.built(driver.built(kept=True))
    hook.run_ended(driver.run_ended(status="paused", missing=["Otp", "Cvv"]))
    hook.run_ended(driver.run_ended(status="failed", error=ValueError()))
    assert lines() == [
        "INFO run 'r' of shop: started, fed nothing",
        "INFO run 'r' of shop: charge started, for nothing",
        "INFO run 'r' of shop: charge built Charged, equal to what was there, in 2.000 s",
        "INFO run 'r' of shop: paused after 3.000 s, waits for Otp, Cvv",
        "ERROR run 'r' of shop: failed after 3.000 s, raised ValueError",
    ]


def test_the_log_tells_of_a_builder_that_asked_to_be_called_later_as_of_what_goes_well(
    lines: Callable[[], List[str]], caplog: pytest.LogCaptureFixture
) -> None:
    LogHook().retried(driver.postponed())
    assert lines() == ["INFO run 'r' of shop: charge asked to be called again at 2026-01-01T01:00:00+00:00"]
    fields = vars(caplog.records[0])
    assert (fields["polaris_event"], fields["polaris_attempt"], fields["polaris_wait_s"]) == ("retried", 1, 3598.0)
    assert "polaris_error" not in fields


def test_each_record_of_the_log_has_fields(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("shop.flows")
    caplog.set_level(logging.DEBUG, logger=logger.name)
    for tell in events_of(LogHook(logger=logger, level=logging.DEBUG)):
        tell()
    fields = [
        {name[8:]: value for name, value in vars(record).items() if name.startswith("polaris_")}
        for record in caplog.records
    ]
    assert {record.name for record in caplog.records} == {"shop.flows"}
    assert all((of["run_id"], of["workflow"]) == ("r", "shop") for of in fields)
    assert [of["event"] for of in fields if "builder" not in of] == ["run_started", "run_ended"]
    told_of = [of.items() - {("run_id", "r"), ("workflow", "shop")} for of in fields]
    at = driver.built().at
    assert told_of[4] == {
        *(("event", "built"), ("builder", "charge"), ("at", at)),
        *(("data", ("Charged",)), ("kept", False), ("took_s", 2.0)),
    }
    assert {("attempt", 1), ("error", "ValueError"), ("wait_s", 0.5)} <= told_of[2]
    assert {("attempt", 1), ("error", "ValueError"), ("took_s", 2.0)} <= told_of[8]
    assert {("status", "complete"), ("error", None), ("data", ()), ("took_s", 3.0)} <= told_of[9]


def test_the_log_holds_no_payload(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    for tell in events_of(LogHook()):
        tell()
    assert caplog.records
    assert [record for record in caplog.records if ORDER.secret in str(vars(record))] == []


def test_a_level_that_nobody_wants_makes_no_record(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    for tell in events_of(LogHook()):
        tell()
    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR"]
