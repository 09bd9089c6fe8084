"""Effects: idempotency keys, builders that must not act twice, and settling what nobody knows the end of."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import functools
import pickle
import subprocess
import sys
import threading
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Callable, ContextManager, Dict, Iterator, List, NoReturn, Optional, Sequence, Set, Tuple, Union

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polaris_dsl import (
    RETRY,
    Builder,
    BuilderError,
    CodecError,
    CommitUnknown,
    Context,
    DefinitionError,
    Executor,
    FileStore,
    Hook,
    HookFailed,
    Interrupted,
    MemoryStore,
    NotInterrupted,
    NotWritten,
    Retry,
    RetryAt,
    RunLocked,
    Status,
    TimedOut,
    UnknownRun,
    Workflow,
    WrongProduct,
    builder,
    workflow,
)
from polaris_dsl._attempt import idempotency_key
from polaris_dsl.hooks import BuilderFailed, BuilderStarted
from polaris_dsl.stores import Built, Failed, Intended, Journals, Line, Postponed, Released, Rested, Store
from polaris_dsl.stores._lines import stamp
from polaris_dsl.stores._sqlite_database import Database
from polaris_dsl.stores.sqlite import SqliteStore
from tests import effect_driver as driver
from tests.effect_driver import Charged, Order, Receipt, write_receipt
from tests.faults.disks import disk_with
from tests.random_workflows import RandomWorkflow, Watch, random_workflows, value

ROOT = Path(__file__).parent.parent
RUN = driver.RUN


@attrs.frozen
class Address:
    street: str


@attrs.frozen
class Label:
    street: str


@attrs.frozen
class Parcel:
    text: str


@attrs.frozen
class Declined:
    why: str


class Killed(BaseException):
    """Stands for the end of the process, where a test needs no real one."""


class Bank:
    """Charges orders, and does before and after each what a test says."""

    def __init__(self) -> None:
        self.effects: List[Tuple[int, str]] = []
        self.before: List[Callable[[], object]] = []
        self.after: List[Callable[[], object]] = []

    def charge(self, order: Order, context: Context) -> Charged:
        if self.before:
            self.before.pop(0)()
        self.effects.append((order.cents, context.idempotency_key))
        if self.after:
            self.after.pop(0)()
        return Charged(order.cents, context.idempotency_key)


@builder
def write_label(address: Address) -> Label:
    return Label(address.street)


@builder
def pack(receipt: Receipt, label: Label) -> Parcel:
    return Parcel(f"{receipt.text}, to {label.street}")


Flow = Workflow[Parcel, Union[Order, Address]]


def flow_of(charge: Callable[..., object], **options: Any) -> Flow:
    once: Builder[..., object] = builder(charge, name="charge", at_most_once=True, **options)
    builders: List[Builder[..., object]] = [once, write_receipt, write_label, pack]
    return workflow(target=Parcel, inputs=Union[Order, Address], builders=builders, name="shop")


class Quiet(Hook):
    """Hears of what begins, and does nothing about it."""

    def builder_started(self, event: BuilderStarted, /) -> None:
        pass


def raises(error: BaseException) -> Callable[[], NoReturn]:
    def act() -> NoReturn:
        raise error

    return act


@pytest.fixture(params=["memory", "files", "database"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "memory":
        yield MemoryStore()
    elif request.param == "files":
        yield FileStore(tmp_path / "runs", durability="process")
    else:
        with SqliteStore(tmp_path / "runs.db", durability="process") as database:
            yield database


@pytest.fixture
def bank() -> Bank:
    return Bank()


def lines_of(store: Store, *kinds: type) -> List[Line]:
    return [line for line in store.open("shop").load(RUN) if isinstance(line, kinds)]


def kill_in(store: Store, bank: Bank, *data: Union[Order, Address]) -> str:
    """Let a process end in the middle of a charge, after its effect; return its idempotency key."""
    bank.after.append(raises(Killed()))
    with pytest.raises(Killed):
        Executor(flow_of(bank.charge), store=store).run(RUN, *(data or (Order(500), Address("Main St"))))
    return bank.effects[-1][1]


# --- real processes, really killed -----------------------------------------------------------------------------------

MOMENTS: Dict[str, Tuple[int, Optional[bool]]] = {
    "before Intended": (0, None),
    "after Intended": (0, False),
    "before the effect": (0, False),
    "after the effect": (1, True),
    "before Built": (1, True),
    "after Built": (1, None),
    "before Rested": (1, None),
    "after Rested": (1, None),
}
"""By when a process dies: how many effects there are by then, and, where nobody can know it, whether there are any."""


def process(store: Path, effects: Path, moment: str = "") -> int:
    """Run the order in a process of its own; return how that ended."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.effect_driver", str(store), str(effects), moment],
        cwd=str(ROOT),
        stdout=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )
    return done.returncode


@pytest.mark.parametrize("name", ["runs", "runs.db"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_process_that_is_killed_at_any_moment_has_charged_at_most_once(
    moment: str, name: str, tmp_path: Path
) -> None:
    path, file = tmp_path / name, tmp_path / "effects"
    file.touch()
    before, unknown = MOMENTS[moment]
    assert process(path, file, moment) == -9
    keys = file.read_text().split()
    assert len(keys) == before
    runs = Executor(driver.flow_of(driver.Desk(file)), store=driver.opened(path))
    if unknown is not None:
        assert process(path, file) == 3
        assert runs.load(RUN).status is Status.FAILED
        with pytest.raises(Interrupted) as caught:
            runs.run(RUN)
        assert file.read_text().split() == keys
        key = caught.value.idempotency_key
        assert keys in ([], [key])
        runs.settle(RUN, "charge", Charged(500, key) if unknown else RETRY)
    assert process(path, file) == 0
    assert runs.run(RUN, Order(500)).result() == Receipt("500 paid")
    assert len(file.read_text().split()) == 1


# --- the intent ------------------------------------------------------------------------------------------------------


def test_the_intent_is_synced_to_its_file_before_the_builder_is_called(tmp_path: Path, bank: Bank) -> None:
    done: List[str] = []

    def note(name: str, call: Callable[..., Any], args: Tuple[Any, ...]) -> object:
        told = "intent" if name == "pwrite" and b'"op":"intended"' in args[1] else name
        if told in ("intent", "sync"):
            done.append(told)
        return call(*args)

    bank.before.append(lambda: done.append("called"))
    Executor(flow_of(bank.charge), store=FileStore(tmp_path / "runs", _disk=disk_with(note))).run(RUN, Order(500))
    at = done.index("called")
    assert done[at - 2 : at] == ["intent", "sync"]


def test_the_intent_is_synced_to_its_database_before_the_builder_is_called(
    tmp_path: Path, bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: List[object] = []
    real = Database.commit

    def commit(self: Database, work: Callable[..., Any], *, sync: bool = True) -> Any:
        result = real(self, work, sync=sync)
        done.append(sync)
        return result

    monkeypatch.setattr(Database, "commit", commit)
    bank.before.append(lambda: done.append("called"))
    with SqliteStore(tmp_path / "runs.db") as store:
        Executor(flow_of(bank.charge), store=store).run(RUN, Order(500))
        assert done[:3] == [True, True, "called"]  # what was fed, the intent
        assert [type(line).__name__ for line in store.open("shop").load(RUN)[2:4]] == ["Intended", "Built"]


def test_an_intent_says_what_is_called_with_which_versions_and_when(store: Store, bank: Bank) -> None:
    began_s = time.time()
    Executor(flow_of(bank.charge), store=store).run(RUN, Order(500))
    (line,) = lines_of(store, Intended)
    assert isinstance(line, Intended)
    assert (line.by, dict(line.inputs)) == ("charge", {"Order": 2})
    assert stamp(began_s) <= line.at <= stamp(time.time())


def test_builders_that_may_be_called_twice_intend_nothing(store: Store, bank: Bank) -> None:
    flow = workflow(target=Receipt, inputs=Order, builders=[builder(bank.charge), write_receipt], name="shop")
    Executor(flow, store=store).run(RUN, Order(500))
    assert lines_of(store, Intended, Released) == []


# --- what is interrupted ---------------------------------------------------------------------------------------------


def test_an_interrupted_call_says_since_when_under_which_key_and_what_to_do(store: Store, bank: Bank) -> None:
    key = kill_in(store, bank)
    (line,) = lines_of(store, Intended)
    with pytest.raises(Interrupted) as caught:
        Executor(flow_of(bank.charge), store=store).run(RUN)
    error = caught.value
    assert (error.builder, error.run_id, error.since, error.idempotency_key) == ("charge", RUN, line.at, key)
    assert error.interrupted
    assert str(error) == (
        f"builder charge was begun at {line.at}, and how that ended is not known: it is not called again by itself\n"
        f"  in run '{RUN}', at {error.place}\n"
        f"  find out whether its effect has happened (idempotency key {key}), and say so:"
        f" settle('{RUN}', charge, what it returned, or RETRY)"
    )
    assert Path(error.place.rpartition(":")[0]).name == Path(__file__).name
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  what was pickled just now
    assert (str(again), again.since, again.idempotency_key) == (str(error), line.at, key)
    assert (again.run.status, again.failures) == (Status.FAILED, (again,))


def test_it_is_never_called_again_by_itself(store: Store, bank: Bank) -> None:
    kill_in(store, bank)
    runs = Executor(flow_of(bank.charge), store=store)
    for _ in range(2):
        with pytest.raises(Interrupted):
            runs.run(RUN)
    with pytest.raises(Interrupted):
        runs.run(RUN, timeout_s=60)
    with pytest.raises(Interrupted):
        asyncio.run(runs.arun(RUN))
    with pytest.raises(Interrupted):
        Executor(flow_of(bank.charge), store=store, max_workers=1, hooks=[Quiet()]).run(RUN)
    assert len(bank.effects) == 1


def test_newer_inputs_do_not_call_it_again_either(store: Store, bank: Bank) -> None:
    kill_in(store, bank)
    runs = Executor(flow_of(bank.charge), store=store)
    with pytest.raises(Interrupted):
        runs.run(RUN, Order(700))
    with pytest.raises(Interrupted):
        asyncio.run(runs.arun(RUN, Order(800)))
    assert bank.effects == [(500, bank.effects[0][1])]
    assert runs.load(RUN).get(Order) == Order(800)


def test_waking_the_run_does_not_call_it_again(store: Store, bank: Bank) -> None:
    begun = datetime.now(timezone.utc)
    tried: List[int] = []

    def label_later(address: Address) -> Label:
        tried.append(1)
        if len(tried) == 1:
            raise RetryAt(begun + timedelta(hours=1))
        return Label(address.street)

    flow = flow_of(bank.charge).replace({write_label: builder(label_later)})
    runs = Executor(flow, store=store)
    runs.run(RUN, Address("Main St"))
    bank.after.append(raises(Killed()))
    with pytest.raises(Killed):
        runs.run(RUN, Order(500))
    (woken,) = runs.wake(begun + timedelta(hours=2))
    assert (woken.status, woken.get(Label)) == (Status.FAILED, Label("Main St"))
    assert len(tried) == 2
    assert len(bank.effects) == 1


def test_what_does_not_depend_on_it_goes_on(store: Store, bank: Bank) -> None:
    kill_in(store, bank, Order(500))
    runs = Executor(flow_of(bank.charge), store=store)
    with pytest.raises(Interrupted) as caught:
        runs.run(RUN, Address("Main St"))
    assert dict(caught.value.run.built) == {Label: Label("Main St")}
    assert set(runs.load(RUN)) == {Order, Address, Label}


def test_the_run_has_failed_for_whoever_loads_or_lists_it(store: Store, bank: Bank) -> None:
    kill_in(store, bank)
    runs = Executor(flow_of(bank.charge), store=store)
    assert runs.load(RUN).status is Status.FAILED
    assert [summary.status for summary in runs.runs()] == [Status.FAILED]
    with pytest.raises(Interrupted) as caught:
        runs.run(RUN)
    assert caught.value.run.status is Status.FAILED  # type: ignore[attr-defined]  # a RunSoFar shows less
    assert runs.load(RUN).status is Status.FAILED
    assert [summary.status for summary in runs.runs()] == [Status.FAILED]
    assert isinstance(store.open("shop").load(RUN)[-1], Rested)


def test_a_run_that_needs_the_builder_no_more_is_not_held_up(store: Store) -> None:
    effects: List[str] = []
    runs = Executor(branching(effects, raises(Killed())), store=store)
    with pytest.raises(Killed):
        runs.run(RUN, Order(500))
    run = runs.run(RUN, Order(0))
    assert (run.status, run.target) == (Status.COMPLETE, Declined("nothing to pay"))
    assert effects == ["Main St"]


def branching(effects: List[str], ends: Callable[[], object]) -> Workflow[Union[Receipt, Declined], Order]:
    """A charge of what may be withdrawn, which `ends` somehow."""

    @builder
    def check(order: Order) -> Union[Address, Declined]:
        return Address("Main St") if order.cents else Declined("nothing to pay")

    @builder(at_most_once=True)
    def charge(address: Address) -> Charged:
        effects.append(address.street)
        ends()
        return Charged(1, "k")

    return workflow(target=Union[Receipt, Declined], inputs=Order, builders=[check, charge, write_receipt], name="shop")


def test_hooks_are_told_that_it_failed_and_not_that_it_began(store: Store, bank: Bank) -> None:
    told: List[object] = []

    class Told(Hook):
        def builder_started(self, event: BuilderStarted, /) -> None:
            told.append(event.builder)

        def failed(self, event: BuilderFailed, /) -> None:
            told.append((event.builder, type(event.error), event.attempt))

    kill_in(store, bank, Order(500))
    with pytest.raises(Interrupted):
        Executor(flow_of(bank.charge), store=store, hooks=[Told()]).run(RUN)
    assert told == [("charge", Interrupted, 1)]


# --- how calls end ---------------------------------------------------------------------------------------------------


def test_a_builder_that_raises_says_that_nothing_has_happened_and_is_tried_again(store: Store, bank: Bank) -> None:
    bank.before += [raises(OSError("no network")), raises(OSError("no network"))]
    runs = Executor(flow_of(bank.charge), store=store)
    for data in ((Order(500), Address("Main St")), ()):
        with pytest.raises(BuilderError) as caught:
            runs.run(RUN, *data)
        assert (type(caught.value), caught.value.interrupted) == (BuilderError, False)
        assert "the next call of run('order-42') tries it again" in str(caught.value)
    assert runs.run(RUN).status is Status.COMPLETE
    assert len(bank.effects) == 1
    assert [type(line) for line in lines_of(store, Intended, Failed)] == 2 * [Intended, Failed] + [Intended]


def test_a_builder_that_asks_to_be_called_later_is(store: Store, bank: Bank) -> None:
    when = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(hours=1)
    bank.before.append(raises(RetryAt(when)))
    runs = Executor(flow_of(bank.charge), store=store)
    assert runs.run(RUN, Order(500), Address("Main St")).status is Status.PAUSED
    assert [run.status for run in runs.wake(when)] == [Status.COMPLETE]
    assert len(bank.effects) == 1
    assert [type(line) for line in lines_of(store, Intended, Postponed)] == [Intended, Postponed, Intended]


class WokenBank(Bank):
    """Asks to be called later, and ends in some way when it is."""

    def __init__(self, ends: str) -> None:
        super().__init__()
        self.ends = ends
        self.gone = threading.Event()

    def charge(self, order: Order, context: Context) -> Charged:
        charged = super().charge(order, context)
        if self.ends == "killed":
            raise Killed
        if self.ends == "too late":
            self.gone.wait(20)
        return Order(1) if self.ends == "undeclared" else charged  # type: ignore[return-value]  # the case


@pytest.mark.parametrize("ends", ["killed", "too late", "undeclared"])
def test_what_was_woken_and_cut_off_has_failed_and_waits_no_more(store: Store, ends: str) -> None:
    when = datetime.now(timezone.utc) - timedelta(hours=1)
    bank = WokenBank(ends)
    bank.before.append(raises(RetryAt(when)))
    assert Executor(flow_of(bank.charge), store=store).run(RUN, Order(500)).wake_at == when
    limit_s = 0.05 if ends == "too late" else None
    with Executor(flow_of(bank.charge, timeout_s=limit_s), store=store) as runs:
        with contextlib.suppress(Killed):
            runs.wake()
        for _ in range(2):
            assert (runs.load(RUN).status, runs.load(RUN).wake_at) == (Status.FAILED, None)
            assert [(one.status, one.wake_at) for one in runs.runs()] == [(Status.FAILED, None)]
            assert runs.wake() == ()
            with pytest.raises(Interrupted) as caught:
                runs.run(RUN)
            assert caught.value.run.status is Status.FAILED  # type: ignore[attr-defined]  # as above
        assert len(lines_of(store, Intended)) == 2
        bank.gone.set()
        assert runs.settle(RUN, "charge", RETRY).status is Status.DUE
    bank.ends = ""
    assert Executor(flow_of(bank.charge), store=store).run(RUN)[Charged].cents == 500


def test_what_was_interrupted_is_told_although_what_is_before_it_asks_to_wait(store: Store) -> None:
    asks: List[int] = []

    def price(order: Order) -> Address:
        if asks:
            raise RetryAt(datetime(2126, 3, 1, tzinfo=timezone.utc))
        return Address("Main St")

    def charge(address: Address) -> Charged:
        raise KeyboardInterrupt

    flow = workflow(
        target=Charged, inputs=Order, builders=[builder(price), builder(charge, at_most_once=True)], name="asked"
    )
    runs = Executor(flow, store=store)
    with pytest.raises(KeyboardInterrupt):
        runs.run(RUN, Order(5))
    asks.append(1)
    with pytest.raises(Interrupted):
        runs.run(RUN, Order(6))


def wrong_type(order: Order) -> Charged:
    return Order(order.cents)  # type: ignore[return-value]  # the case


def unencodable(order: Order) -> Charged:
    return Charged("much", "k")  # type: ignore[arg-type]  # the case


@pytest.mark.parametrize(("charge", "error"), [(wrong_type, WrongProduct), (unencodable, BuilderError)])
@pytest.mark.parametrize("retry", [None, Retry(attempts=3, first_wait_s=0)])
def test_a_builder_that_returns_what_cannot_be_kept_has_acted_and_is_not_called_again(
    charge: Callable[[Order], Charged], error: type, retry: Optional[Retry], tmp_path: Path
) -> None:
    called: List[Order] = []

    def counted(order: Order) -> Charged:
        called.append(order)
        return charge(order)

    runs = Executor(flow_of(counted, retry=retry), store=FileStore(tmp_path / "runs", durability="process"))
    with pytest.raises(BuilderError) as caught:
        runs.run(RUN, Order(500))
    assert (type(caught.value), caught.value.interrupted) == (error, True)
    assert "\n  its effect may have happened, so it is not called again by itself: settle('order-42', charge, " in str(
        caught.value
    )
    with pytest.raises(Interrupted):
        runs.run(RUN)
    assert called == [Order(500)]


@pytest.mark.parametrize("ends", [KeyboardInterrupt(), SystemExit(1), Killed()])
@pytest.mark.parametrize("limit_s", [None, 60])
def test_what_ends_a_program_in_the_middle_of_a_builder_leaves_it_interrupted(
    ends: BaseException, limit_s: Optional[float], store: Store, bank: Bank
) -> None:
    bank.after.append(raises(ends))
    runs = Executor(flow_of(bank.charge, timeout_s=limit_s), store=store)
    with pytest.raises(type(ends)):
        runs.run(RUN, Order(500))
    with pytest.raises(Interrupted):
        runs.run(RUN)
    assert len(bank.effects) == 1


class Watched:
    """A store that calls a function with its own journals and the lines before it commits them."""

    def __init__(self, store: Store, look: Callable[[Journals, Sequence[Line]], object]) -> None:
        self.encoded = store.encoded
        self._store = store
        self._look = look

    def open(self, workflow: str, /) -> WatchedJournals:
        return WatchedJournals(self._store.open(workflow), self._look)


@attrs.frozen
class WatchedJournals:
    inner: Journals
    look: Callable[[Journals, Sequence[Line]], object]

    def append(self, run: str, expected_n: int, lines: Sequence[Line], /) -> Tuple[Line, ...]:
        self.look(self.inner, lines)
        return self.inner.append(run, expected_n, lines)

    def load(self, run: str, /, *, after: int = 0) -> Tuple[Line, ...]:
        return self.inner.load(run, after=after)

    def hold(self, run: str, /, *, wait_s: Optional[float] = None) -> ContextManager[None]:
        return self.inner.hold(run, wait_s=wait_s)

    def runs(self) -> Iterator[Tuple[str, Line]]:
        return self.inner.runs()

    def delete(self, run: str, /) -> None:
        self.inner.delete(run)


def refusing(*kinds: type) -> Callable[[Journals, Sequence[Line]], None]:
    """Refuse the first line of each of these kinds."""
    left = list(kinds)

    def look(_: Journals, lines: Sequence[Line]) -> None:
        if left and isinstance(lines[0], left[0]):
            left.pop(0)
            raise NotWritten("a.jsonl", why="no space left")

    return look


def test_a_result_that_cannot_be_committed_leaves_it_interrupted(store: Store, bank: Bank) -> None:
    runs = Executor(flow_of(bank.charge), store=Watched(store, refusing(Built)))
    with pytest.raises(NotWritten):
        runs.run(RUN, Order(500))
    with pytest.raises(Interrupted):
        runs.run(RUN)
    assert len(bank.effects) == 1


def test_a_failure_that_cannot_be_committed_leaves_it_interrupted(store: Store, bank: Bank) -> None:
    bank.before.append(raises(OSError()))
    runs = Executor(flow_of(bank.charge), store=Watched(store, refusing(Failed)))
    with pytest.raises(NotWritten):
        runs.run(RUN, Order(500))
    with pytest.raises(Interrupted):
        runs.run(RUN)
    assert bank.effects == []


@pytest.mark.parametrize("hooks", [[], [Quiet()]])
def test_an_intent_that_cannot_be_committed_keeps_the_builder_from_being_called(
    hooks: List[Hook], store: Store, bank: Bank
) -> None:
    runs = Executor(flow_of(bank.charge), store=Watched(store, refusing(Intended)), hooks=hooks)
    with pytest.raises(NotWritten):
        runs.run(RUN, Order(500), Address("Main St"))
    assert bank.effects == []
    assert runs.run(RUN).status is Status.COMPLETE
    assert len(bank.effects) == 1


def test_an_intent_of_which_nobody_knows_whether_it_is_there_counts_if_it_is(store: Store, bank: Bank) -> None:
    broken: List[Line] = []

    def kept_but_unknown(journals: Journals, lines: Sequence[Line]) -> None:
        if isinstance(lines[0], Intended) and not broken:
            broken.extend(lines)
            journals.append(RUN, len(journals.load(RUN)), lines)
            raise CommitUnknown("a.jsonl", why="input/output error")

    runs = Executor(flow_of(bank.charge), store=Watched(store, kept_but_unknown))
    with pytest.raises(CommitUnknown):
        runs.run(RUN, Order(500))
    with pytest.raises(Interrupted):
        runs.run(RUN)
    assert bank.effects == []


# --- time ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("retry", [None, Retry(attempts=3, first_wait_s=0)])
def test_a_builder_whose_time_is_over_goes_on_and_is_not_called_again(
    whole: object, retry: Optional[Retry], store: Store, bank: Bank
) -> None:
    go = threading.Event()
    bank.before.append(go.wait)
    runs = Executor(flow_of(bank.charge, timeout_s=None if whole else 0.05, retry=retry), store=store)
    with pytest.raises(TimedOut) as caught:
        runs.run(RUN, Order(500), timeout_s=1 if whole else None)
    assert (caught.value.begun, caught.value.interrupted) == (True, True)
    assert "so it is not called again by itself" in str(caught.value)
    assert runs.load(RUN).status is Status.FAILED
    go.set()
    while runs.late():
        time.sleep(0.001)
    with pytest.raises(Interrupted):
        runs.run(RUN)
    assert len(bank.effects) == 1
    assert len(lines_of(store, Intended)) == 1
    run = runs.settle(RUN, "charge", Charged(*bank.effects[0]))
    assert run.get(Charged) == Charged(*bank.effects[0])


def test_a_builder_that_was_not_begun_in_time_is_not_interrupted(store: Store, bank: Bank) -> None:
    runs = Executor(flow_of(bank.charge), store=store, max_workers=1)
    with pytest.raises(TimedOut) as caught:
        runs.run(RUN, Order(500), timeout_s=1e-9)
    assert (caught.value.begun, caught.value.interrupted) == (False, False)
    assert lines_of(store, Intended, Released) == []
    assert runs.load(RUN).status is Status.DUE
    assert runs.run(RUN, Address("Main St")).status is Status.COMPLETE
    assert len(bank.effects) == 1


# --- async -----------------------------------------------------------------------------------------------------------


class AsyncBank:
    """Charges in a loop, and never comes to an end by itself."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.effects = 0

    async def charge(self, order: Order) -> Charged:
        self.effects += 1
        self.began.set()
        await asyncio.sleep(60)
        raise AssertionError


def test_cancelling_leaves_an_async_builder_interrupted_that_was_begun(store: Store) -> None:
    async def cancel() -> None:
        bank = AsyncBank()
        runs = Executor(flow_of(bank.charge), store=store)
        call = asyncio.ensure_future(runs.arun(RUN, Order(500)))
        await bank.began.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        with pytest.raises(Interrupted):
            await runs.arun(RUN, Order(600))
        assert bank.effects == 1
        runs.settle(RUN, "charge", Charged(500, "k"))
        assert runs.load(RUN).get(Charged) == Charged(500, "k")

    asyncio.run(cancel())


def test_cancelling_before_an_async_builder_is_begun_leaves_it_due(tmp_path: Path) -> None:
    async def cancel() -> None:
        loop, calls = asyncio.get_running_loop(), []
        inside, go = asyncio.Event(), threading.Event()

        def wait(_: Journals, lines: Sequence[Line]) -> None:
            if isinstance(lines[0], Intended):
                loop.call_soon_threadsafe(inside.set)
                assert go.wait(30)

        async def charge(order: Order) -> Charged:
            calls.append(order)
            return Charged(order.cents, "k")

        files = FileStore(tmp_path / "runs", durability="process")
        runs = Executor(flow_of(charge), store=Watched(files, wait))
        call = asyncio.ensure_future(runs.arun(RUN, Order(500)))
        await inside.wait()
        call.cancel()
        await asyncio.sleep(0.01)
        go.set()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert calls == []
        assert runs.load(RUN).status is Status.DUE
        assert (await runs.arun(RUN, Address("Main St"))).status is Status.COMPLETE
        assert calls == [Order(500)]

    asyncio.run(cancel())


def test_an_async_builder_whose_time_is_over_is_interrupted(store: Store) -> None:
    async def wait() -> None:
        bank = AsyncBank()
        runs = Executor(flow_of(bank.charge, timeout_s=0.05), store=store)
        with pytest.raises(TimedOut) as caught:
            await runs.arun(RUN, Order(500))
        assert caught.value.interrupted
        with pytest.raises(Interrupted):
            await runs.arun(RUN)
        assert bank.effects == 1

    asyncio.run(wait())


def test_an_async_builder_is_called_once_under_a_plain_run(store: Store) -> None:
    effects: List[int] = []

    async def charge(order: Order) -> Charged:
        effects.append(order.cents)
        raise Killed

    runs = Executor(flow_of(charge), store=store)
    with pytest.raises(Killed):
        runs.run(RUN, Order(500))
    with pytest.raises(Interrupted):
        runs.run(RUN)
    assert effects == [500]


# --- hooks between intent and call -----------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [OSError(), KeyboardInterrupt()])
def test_a_hook_that_fails_at_the_start_of_a_builder_leaves_nothing_interrupted(
    error: BaseException, store: Store, bank: Bank
) -> None:
    class Strict(Hook):
        strict = True

        def builder_started(self, event: BuilderStarted, /) -> None:
            raise error

    with pytest.raises((HookFailed, KeyboardInterrupt)):
        Executor(flow_of(bank.charge), store=store, hooks=[Strict()], max_workers=1).run(RUN, Order(500))
    runs = Executor(flow_of(bank.charge), store=store)
    assert runs.run(RUN, Address("Main St")).status is Status.COMPLETE
    assert len(bank.effects) == 1


# --- with trials -----------------------------------------------------------------------------------------------------


def test_each_trial_has_an_intent_of_its_own_under_one_key(store: Store) -> None:
    keys: List[str] = []

    def charge(order: Order, context: Context) -> Charged:
        keys.append(context.idempotency_key)
        if len(keys) < 3:
            raise OSError("no network")
        return Charged(order.cents, "k")

    runs = Executor(flow_of(charge, retry=Retry(attempts=3, first_wait_s=0, on=OSError)), store=store)
    assert runs.run(RUN, Order(500), Address("Main St")).status is Status.COMPLETE
    assert len(keys) == 3
    assert len(set(keys)) == 1
    kinds = [type(line) for line in lines_of(store, Intended, Failed)]
    assert kinds == [Intended, Failed, Intended, Failed, Intended]


def test_a_process_that_ends_in_a_later_trial_leaves_it_interrupted(store: Store, bank: Bank) -> None:
    bank.before += [raises(OSError("no network")), raises(Killed())]
    runs = Executor(flow_of(bank.charge, retry=Retry(attempts=3, first_wait_s=0)), store=store)
    with pytest.raises(Killed):
        runs.run(RUN, Order(500))
    with pytest.raises(Interrupted):
        runs.run(RUN)
    assert bank.effects == []


def test_a_process_that_ends_between_trials_leaves_it_due(store: Store, bank: Bank) -> None:
    class Ending:
        def now(self) -> datetime:
            return datetime.now(timezone.utc)

        def sleep(self, seconds: float, /) -> None:
            raise Killed

        async def async_sleep(self, seconds: float, /) -> None:
            raise Killed

    bank.before.append(raises(OSError("no network")))
    retry = Retry(attempts=3, first_wait_s=0)
    with pytest.raises(Killed):
        Executor(flow_of(bank.charge, retry=retry), store=store, clock=Ending()).run(RUN, Order(500))
    run = Executor(flow_of(bank.charge, retry=retry), store=store).run(RUN, Address("Main St"))
    assert run.status is Status.COMPLETE
    assert len(bank.effects) == 1


# --- two processes that both believe that they hold the run ----------------------------------------------------------


def test_of_two_that_hold_one_run_by_a_broken_lock_only_the_first_to_intend_calls(store: Store, bank: Bank) -> None:
    others: List[Line] = []

    def be_faster(journals: Journals, lines: Sequence[Line]) -> None:
        if isinstance(lines[0], Intended) and not others:
            others.extend(lines)
            journals.append(RUN, len(journals.load(RUN)), lines)

    with pytest.raises(Interrupted):
        Executor(flow_of(bank.charge), store=Watched(store, be_faster)).run(RUN, Order(500))
    assert bank.effects == []
    assert len(lines_of(store, Intended)) == 1


def test_what_the_other_has_built_meanwhile_is_taken_and_not_called_for(store: Store, bank: Bank) -> None:
    def be_faster(journals: Journals, lines: Sequence[Line]) -> None:
        if isinstance(lines[0], Intended) and not other.effects:
            other.effects.append((0, ""))
            unheld = WatchedJournals(Unheld(journals), lambda *_: None)
            Executor(flow_of(other.charge), store=Opened(unheld, encoded=store.encoded)).run(RUN)

    other = Bank()
    run = Executor(flow_of(bank.charge), store=Watched(store, be_faster)).run(RUN, Order(500), Address("Main St"))
    assert run.result() == Parcel("500 paid, to Main St")
    assert (len(bank.effects), len(other.effects)) == (0, 2)


def test_what_is_fed_meanwhile_keeps_nothing_from_being_called(store: Store, bank: Bank) -> None:
    fed: List[int] = []

    def feed(journals: Journals, lines: Sequence[Line]) -> None:
        if isinstance(lines[0], Intended) and not fed:
            fed.append(1)
            Executor(flow_of(bank.charge), store=store).feed(RUN, Address("Main St"))

    run = Executor(flow_of(bank.charge), store=Watched(store, feed)).run(RUN, Order(500))
    assert run.result() == Parcel("500 paid, to Main St")
    assert len(bank.effects) == 1


@attrs.frozen
class Unheld:
    """Journals with a run lock that holds nobody up."""

    inner: Journals

    def append(self, run: str, expected_n: int, lines: Sequence[Line], /) -> Tuple[Line, ...]:
        return self.inner.append(run, expected_n, lines)

    def load(self, run: str, /, *, after: int = 0) -> Tuple[Line, ...]:
        return self.inner.load(run, after=after)

    def hold(self, run: str, /, *, wait_s: Optional[float] = None) -> ContextManager[None]:
        return threading.Lock()  # type: ignore[return-value]  # nobody looks at what it gives

    def runs(self) -> Iterator[Tuple[str, Line]]:
        return self.inner.runs()

    def delete(self, run: str, /) -> None:
        self.inner.delete(run)


@attrs.frozen
class Opened:
    journals: Journals
    encoded: bool

    def open(self, workflow: str, /) -> Journals:
        return self.journals


# --- settling --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by_name", [True, False])
def test_settling_with_a_result_commits_it_and_the_run_goes_on(by_name: object, store: Store, bank: Bank) -> None:
    key = kill_in(store, bank)
    flow = flow_of(bank.charge)
    runs = Executor(flow, store=store)
    (charge,) = (one for one in flow.builders if one.name == "charge")
    run = runs.settle(RUN, "charge" if by_name else charge, Charged(500, key))
    assert (run.status, dict(run.built)) == (Status.DUE, {Charged: Charged(500, key)})
    assert runs.load(RUN).status is Status.DUE
    lines = [line for line in store.open("shop").load(RUN) if isinstance(line, (Intended, Built))]
    assert [dict(line.inputs) for line in lines if line.by == "charge"] == 2 * [{"Order": 2}]
    assert runs.run(RUN).result() == Parcel("500 paid, to Main St")
    assert len(bank.effects) == 1


def test_settling_with_retry_lets_the_next_call_make_it_again_under_the_same_key(store: Store, bank: Bank) -> None:
    key = kill_in(store, bank)
    runs = Executor(flow_of(bank.charge), store=store)
    run = runs.settle(RUN, "charge", RETRY)
    assert (run.status, dict(run.built)) == (Status.DUE, {})
    assert len(bank.effects) == 1
    assert [summary.status for summary in runs.runs()] == [Status.DUE]
    assert runs.run(RUN).status is Status.COMPLETE
    assert bank.effects == [(500, key), (500, key)]


def test_a_result_is_settled_for_the_inputs_it_was_made_from_and_newer_ones_come_after(
    store: Store, bank: Bank
) -> None:
    key = kill_in(store, bank)
    runs = Executor(flow_of(bank.charge), store=store)
    with pytest.raises(Interrupted) as caught:
        runs.run(RUN, Order(700))
    assert caught.value.idempotency_key == key
    assert runs.settle(RUN, "charge", Charged(500, key)).status is Status.DUE
    assert runs.run(RUN).result() == Parcel("700 paid, to Main St")
    assert [cents for cents, _ in bank.effects] == [500, 700]
    assert len(set(bank.effects)) == 2


def test_settling_with_retry_lets_newer_inputs_be_used(store: Store, bank: Bank) -> None:
    kill_in(store, bank)
    runs = Executor(flow_of(bank.charge), store=store)
    runs.feed(RUN, Order(700))
    runs.settle(RUN, "charge", RETRY)
    assert runs.run(RUN).result() == Parcel("700 paid, to Main St")


def test_a_result_for_data_that_was_withdrawn_meanwhile_is_not_seen(store: Store) -> None:
    effects: List[str] = []
    ends = [raises(Killed())]
    flow = branching(effects, lambda: ends.pop()() if ends else None)
    runs = Executor(flow, store=store)
    with pytest.raises(Killed):
        runs.run(RUN, Order(500))
    runs.run(RUN, Order(0))
    run = runs.settle(RUN, "charge", Charged(1, "k"))
    assert (Charged in run, Charged in runs.load(RUN)) == (False, False)
    run = runs.run(RUN)
    assert (run.target, Receipt in run) == (Declined("nothing to pay"), False)
    assert runs.run(RUN, Order(700)).target == Receipt("1 paid")
    assert len(effects) == 2


def test_a_result_that_comes_too_late_leaves_that_of_another_builder_alone(store: Store) -> None:
    @builder
    def check(order: Order) -> Union[Address, Declined]:
        return Address("Main St") if order.cents else Declined("nothing to pay")

    @builder(at_most_once=True)
    def charge(address: Address) -> Charged:
        raise Killed

    @builder
    def note(declined: Declined) -> Charged:
        return Charged(0, declined.why)

    flow = workflow(target=Receipt, inputs=Order, builders=[check, charge, note, write_receipt], name="shop")
    runs = Executor(flow, store=store)
    with pytest.raises(Killed):
        runs.run(RUN, Order(500))
    runs.run(RUN, Order(0))
    run = runs.settle(RUN, charge, Charged(500, "k"))
    assert (run.get(Charged), dict(run.built), run.status) == (Charged(0, "nothing to pay"), {}, Status.COMPLETE)
    assert runs.load(RUN).get(Charged) == Charged(0, "nothing to pay")
    assert runs.run(RUN).result() == Receipt("0 paid")


def test_nothing_is_settled_where_the_builder_may_return_nothing(store: Store) -> None:
    def charge(order: Order) -> Optional[Charged]:
        raise Killed

    runs = Executor(flow_of(charge), store=store)
    with pytest.raises(Killed):
        runs.run(RUN, Order(500), Address("Main St"))
    run = runs.settle(RUN, "charge", None)
    assert (run.get(Charged), run.silent) == (None, ("charge",))
    assert runs.run(RUN).status is Status.PAUSED


WRONG: Sequence[Tuple[str, object]] = [("Order", Order(1)), ("None", None), ("type", Charged)]


@pytest.mark.parametrize(("name", "result"), WRONG)
def test_a_result_that_the_builder_does_not_declare_is_refused(
    name: str, result: object, store: Store, bank: Bank
) -> None:
    kill_in(store, bank)
    runs = Executor(flow_of(bank.charge), store=store)
    before = store.open("shop").load(RUN)
    with pytest.raises(WrongProduct) as caught:
        runs.settle(RUN, "charge", result)
    assert (caught.value.declared, caught.value.returned) == (("Charged",), name)
    assert "so it is not called again by itself" in str(caught.value)
    assert caught.value.run.id == RUN
    assert store.open("shop").load(RUN) == before
    with pytest.raises(Interrupted):
        runs.run(RUN)


def test_a_result_that_cannot_be_encoded_is_refused(tmp_path: Path, bank: Bank) -> None:
    store = FileStore(tmp_path / "runs", durability="process")
    kill_in(store, bank)
    runs = Executor(flow_of(bank.charge), store=store)
    with pytest.raises(CodecError, match=r"Charged\.cents: expected int, got str"):
        runs.settle(RUN, "charge", Charged("much", "k"))  # type: ignore[arg-type]  # the case
    assert runs.settle(RUN, "charge", Charged(1, "k")).get(Charged) == Charged(1, "k")


@pytest.mark.parametrize("result", [RETRY, Charged(500, "k")])
def test_what_was_not_interrupted_cannot_be_settled(result: object, store: Store, bank: Bank) -> None:
    runs = Executor(flow_of(bank.charge), store=store)
    runs.run(RUN, Order(500))
    for name in ("charge", "write_receipt"):
        with pytest.raises(NotInterrupted) as caught:
            runs.settle(RUN, name, result)
        assert (caught.value.run_id, caught.value.builder) == (RUN, name)
        assert str(caught.value) == (
            f"builder {name} was not interrupted in run 'order-42', so there is nothing to settle\n"
            "  only a builder with at_most_once=True is, when the process ends while it runs"
        )


@pytest.mark.parametrize("result", [RETRY, Charged(500, "k")])
def test_what_was_settled_cannot_be_settled_again(result: object, store: Store, bank: Bank) -> None:
    kill_in(store, bank)
    runs = Executor(flow_of(bank.charge), store=store)
    runs.settle(RUN, "charge", result)
    with pytest.raises(NotInterrupted):
        runs.settle(RUN, "charge", result)


def test_a_run_that_there_is_not_cannot_be_settled_and_is_not_begun(store: Store, bank: Bank) -> None:
    runs = Executor(flow_of(bank.charge), store=store)
    with pytest.raises(UnknownRun):
        runs.settle("order-43", "charge", RETRY)
    assert list(runs.runs()) == []


def test_a_builder_that_there_is_not_is_refused_with_those_that_there_are(store: Store, bank: Bank) -> None:
    kill_in(store, bank)
    runs = Executor(flow_of(bank.charge), store=store)
    with pytest.raises(DefinitionError) as caught:
        runs.settle(RUN, "chrge", RETRY)
    listed = "charge, write_receipt, write_label, pack"
    assert sorted(str(caught.value).partition("; it has ")[2].split(", ")) == sorted(listed.split(", "))
    assert str(caught.value).startswith("settle(): workflow shop has no builder 'chrge'; it has ")
    with pytest.raises(DefinitionError, match="takes a builder or its name, not a value of type function"):
        runs.settle(RUN, lambda order: None, RETRY)  # type: ignore[arg-type]  # the case


def test_a_run_that_is_being_run_cannot_be_settled(store: Store, bank: Bank) -> None:
    refused: List[RunLocked] = []

    def settle() -> None:
        with pytest.raises(RunLocked) as caught:
            runs.settle(RUN, "charge", RETRY)
        refused.append(caught.value)

    bank.after.append(settle)
    runs = Executor(flow_of(bank.charge), store=store)
    runs.run(RUN, Order(500))
    assert len(refused) == 1


def test_a_store_that_fails_while_a_result_is_settled_leaves_it_interrupted(store: Store, bank: Bank) -> None:
    kill_in(store, bank)
    runs = Executor(flow_of(bank.charge), store=Watched(store, refusing(Built, Released)))
    for result in (Charged(500, "k"), RETRY):
        with pytest.raises(NotWritten):
            runs.settle(RUN, "charge", result)
        with pytest.raises(Interrupted):
            runs.run(RUN)
    assert runs.settle(RUN, "charge", Charged(500, "k")).get(Charged) == Charged(500, "k")
    assert len(bank.effects) == 1


def test_a_builder_may_be_settled_that_is_allowed_to_be_called_twice_by_now(store: Store, bank: Bank) -> None:
    kill_in(store, bank, Order(500))
    flow = workflow(
        target=Receipt, inputs=Order, builders=[builder(bank.charge, name="charge"), write_receipt], name="shop"
    )
    assert Executor(flow, store=store).settle(RUN, "charge", Charged(500, "k")).get(Charged) == Charged(500, "k")


# --- idempotency keys ------------------------------------------------------------------------------------------------

ACTS = ["die before", "die after", "raise", "work"]


class Keys:
    """Notes under which key each builder is called, for which run and for which feed of its input."""

    def __init__(self) -> None:
        self.seen: Dict[Tuple[str, str, int], Set[str]] = {}
        self.run = ""
        self.epoch = 0
        self.acts: List[str] = []

    def one(self, order: Order, context: Context) -> Charged:
        self._note("one", context)
        return Charged(order.cents, "k")

    def two(self, order: Order, context: Context) -> Label:
        self._note("two", context)
        return Label(str(order.cents))

    def _note(self, name: str, context: Context) -> None:
        act = self.acts.pop() if self.acts else "work"
        if act == "die before":
            raise Killed
        self.seen.setdefault((self.run, name, self.epoch), set()).add(context.idempotency_key)
        if act == "die after":
            raise Killed
        if act == "raise":
            raise OSError


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(0, 2), st.lists(st.sampled_from(ACTS), max_size=3), st.booleans()),
        min_size=1,
        max_size=8,
    ),
    st.booleans(),
)
def test_a_key_is_the_same_for_the_same_inputs_and_for_nothing_else(
    calls: List[Tuple[str, int, List[str], bool]], trials: object
) -> None:
    keys, store = Keys(), MemoryStore()
    retry = Retry(attempts=2, first_wait_s=0) if trials else None
    last: Dict[str, Tuple[int, int]] = {}
    for epoch, (run, cents, acts, plain) in enumerate(calls):
        two = builder(keys.two, name="two", retry=retry)
        flow = workflow(target=Label, inputs=Order, builders=[builder(keys.one, name="one"), two], name="keys")
        if last.get(run, (None, 0))[0] != cents:  # newer data: what is fed twice changes nothing
            last[run] = cents, epoch
        keys.run, keys.epoch, keys.acts = run, last[run][1], acts
        runs = Executor(flow, store=store, max_workers=1)  # as a new process has it
        with contextlib.suppress(Killed, BuilderError):
            runs.run(run, Order(cents)) if plain else asyncio.run(runs.arun(run, Order(cents)))
    assert all(len(found) == 1 for found in keys.seen.values())
    assert len(set().union(*keys.seen.values())) == len(keys.seen)


def test_a_key_is_the_same_in_every_process(tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert process(tmp_path / name, tmp_path / f"effects-{name}") == 0
    assert (tmp_path / "effects-one").read_text() == (tmp_path / "effects-two").read_text()


# --- random workflows, in which each call may be the last of its process ---------------------------------------------


class Deaths:
    """Makes all builders of a workflow such that must not act twice, and ends processes before or after effects."""

    def __init__(self, whens: Sequence[int]) -> None:
        self.effects: Dict[str, List[str]] = {}
        self._whens = list(whens)
        self._acted: Dict[str, object] = {}

    def over(self, flow: Workflow[object, object]) -> Workflow[object, object]:
        return flow.replace(
            {one: builder(self._doomed(one), name=one.name, at_most_once=True) for one in flow.builders}
        )

    def result_of(self, name: str) -> object:
        """Return what one finds who looks whether the last call of a builder has had its effect."""
        return self._acted.get(name, RETRY)

    def _doomed(self, one: Builder[..., object]) -> Callable[..., object]:
        @functools.wraps(one.function)
        def act(*positional: object, **keyword: object) -> object:
            self._acted.pop(one.name, None)
            when = self._whens.pop() if self._whens else 0
            if when == 1:
                raise Killed
            (key,) = [
                context.idempotency_key for context in (*positional, *keyword.values()) if isinstance(context, Context)
            ]
            result = self._acted[one.name] = one.function(*positional, **keyword)
            self.effects.setdefault(key, []).append(one.name)
            if when == 2:
                raise Killed
            return result

        return act


def settle_all(runs: Executor[object, object], deaths: Deaths) -> None:
    for one in runs.workflow.builders:
        with contextlib.suppress(NotInterrupted, UnknownRun):
            runs.settle(RUN, one, deaths.result_of(one.name))


@given(flow=random_workflows(), whens=st.lists(st.sampled_from([0, 0, 1, 2]), max_size=12), data=st.data())
@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
def test_where_a_run_ends_does_not_depend_on_what_was_interrupted_nor_on_when_it_was_settled(
    flow: RandomWorkflow, whens: List[int], data: st.DataObject
) -> None:
    deaths, journals = Deaths(whens), MemoryStore()
    real = deaths.over(flow.real(Watch()))
    fed: Dict[type, object] = {}
    workers = data.draw(st.sampled_from([1, 3]), label="workers")
    for _ in range(data.draw(st.integers(1, 6), label="calls")):
        feeds = [value(one, data.draw(st.integers(0, 2))) for one in flow.inputs if data.draw(st.booleans())]
        fed.update((type(one), one) for one in feeds)
        with Executor(real, store=journals, max_workers=workers) as runs:
            with contextlib.suppress(Killed, Interrupted):
                runs.run(RUN, *feeds)
            if data.draw(st.booleans(), label="settles"):
                settle_all(runs, deaths)
    with Executor(real, store=journals, max_workers=workers) as runs:
        while True:
            settle_all(runs, deaths)
            with contextlib.suppress(Killed):
                run = runs.run(RUN)
                break
    plain = Executor(flow.real(Watch())).run(RUN, *fed.values())
    assert {one: run[one] for one in run} == {one: plain[one] for one in plain}
    calls = [line for line in journals.open(real.name).load(RUN) if isinstance(line, Built)]
    keys = [idempotency_key(real.name, RUN, line.by, line.inputs) for line in calls]
    assert {key: len(names) for key, names in deaths.effects.items()} == dict(collections.Counter(keys))
