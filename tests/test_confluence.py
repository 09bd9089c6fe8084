"""The data of a run depend only on the last value fed of each input: random stories against the naive model."""

from __future__ import annotations

import collections
import contextlib
import itertools
import os
import threading
from typing import Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Set, Tuple, Type, cast

import attrs
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from polaris_dsl import Executor, FileStore, MemoryStore, Run, Status, Workflow
from polaris_dsl.errors import BuilderError, CommitUnknown, NotWritten, StoreError, UnknownRun
from polaris_dsl.stores import Built, Journals, Line, Store
from tests.naive_run import (
    NOTHING_YET,
    Calls,
    NaiveBuilder,
    NaiveWorkflow,
    Outcome,
    Values,
    expected_calls,
    expected_due,
    naive_run,
    upstream,
    worlds,
)
from tests.random_workflows import Call, Move, RandomWorkflow, Story, Watch, moves, random_workflows, stories, value

LONG = bool(os.environ.get("POLARIS_LONG"))
"""Whether there is time for many examples."""

RUN = "order-42"


def examples(count: int) -> settings:
    health = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
    return settings(max_examples=count * 30 if LONG else count, deadline=None, suppress_health_check=health)


@pytest.fixture(params=["memory", "file"], scope="module")
def new_store(request, tmp_path_factory) -> Callable[[], Store]:
    if request.param == "memory":
        return MemoryStore
    return lambda: FileStore(tmp_path_factory.mktemp("runs"), durability="process")


# --- playing a story -------------------------------------------------------------------------------------------------


@attrs.define
class Player:
    """Makes moves on a real executor, and knows from the model where they must lead."""

    flow: RandomWorkflow
    store: Store
    watch: Watch = attrs.field(factory=Watch)
    fed: Dict[type, object] = attrs.field(factory=dict)
    renewed: Set[type] = attrs.field(factory=set)
    """Inputs that got a new version since the last rest."""
    rest: Outcome = NOTHING_YET
    """What the run must have been when nothing was left to do."""
    keys: Dict[str, List[str]] = attrs.field(factory=lambda: collections.defaultdict(list))
    """The idempotency keys of the calls that finished, for each builder."""
    real: Workflow[object, object] = attrs.field(init=False)
    executor: Executor[object, object] = attrs.field(init=False)
    max_workers: int = 1

    def __attrs_post_init__(self) -> None:
        self.real = self.flow.real(self.watch)
        self.executor = Executor(self.real, store=self.store, max_workers=self.max_workers)

    def renew(self, max_workers: int) -> None:
        """Throw the executor away, and make another."""
        self.close()
        self.max_workers = max_workers
        self.executor = Executor(self.real, store=self.store, max_workers=max_workers)

    def close(self) -> None:
        self.executor.__exit__(None, None, None)

    def take(self, data: Sequence[object]) -> None:
        """Note what is fed."""
        for one in data:
            if self.fed.get(type(one)) != one:
                self.renewed.add(type(one))
            self.fed[type(one)] = one

    def play(self, move: Move) -> None:
        if move.anew:
            self.renew(move.max_workers)
        self.take(move.data)
        if move.kind == "feed":
            self.executor.feed(RUN, *move.data)
            self.check_fed()
        else:
            self.check_rest(self.executor.run(RUN, *move.data))

    def check_fed(self) -> None:
        """Check a run that was fed, and in which nothing has run since."""
        assert self.watch.harvest() == ()
        if not self.fed:
            return
        run = self.executor.load(RUN)
        assert present(run, self.flow) == {**self.rest.data, **self.fed}
        due = expected_due(self.flow.naive, self.rest, self.fed, renewed=self.renewed)
        assert (run.status is Status.DUE) == due

    def check_rest(self, run: Run[object]) -> None:
        """Check all that a run shows when nothing is left to do, and what was called to get there."""
        after = naive_run(self.flow.naive, self.fed)
        for shown in (run, self.executor.load(RUN)):
            check_run(shown, self.flow, after)
        calls = self.watch.harvest()
        called = {call.builder for call in calls}
        assert len(called) == len(calls)
        assert expected_calls(self.flow.naive, self.rest, after, renewed=self.renewed).allow(called)
        check_order(calls, upstream(self.flow.naive))
        assert all(call.at_once <= self.max_workers for call in calls)
        assert dict(run.built) == {type(after.made[name]): after.made[name] for name in called if name in after.made}
        self.check_keys(calls)
        self.rest = after
        self.renewed.clear()

    def check_keys(self, calls: Sequence[Call]) -> None:
        """Check that a call has another key than the last one; an older one may come back, but only with optionals.

        An optional that came and was withdrawn leaves a builder with the very inputs that it had before.
        """
        for call in calls:
            earlier = self.keys[call.builder]
            optionals = next(shape.optionals for shape in self.flow.shapes if shape.name == call.builder)
            assert call.key not in (earlier[-1:] if optionals else earlier)
            earlier.append(call.key)


def play(story: Story, store: Store, watch: Watch) -> Player:
    """Make all moves of a story, then run what is due and feed once more all that was fed last."""
    player = Player(story.flow, store, watch)
    last = Move("run", (), anew=False, max_workers=4)
    try:
        for move in (*story.moves, last):
            player.play(move)
        player.play(attrs.evolve(last, data=tuple(player.fed.values())))
        assert not player.renewed
    finally:
        player.close()
    return player


def present(run: Run[object], flow: RandomWorkflow) -> Mapping[type, object]:
    return {data: run[data] for data in flow.data if data in run}


def check_run(run: Run[object], flow: RandomWorkflow, after: Outcome) -> None:
    """Check what a run at rest shows against the model."""
    assert present(run, flow) == after.data
    assert all(run.get(data) == after.data.get(data) for data in flow.data)
    assert run.status is (Status.COMPLETE if after.complete else Status.PAUSED)
    assert run.target in ([after.data[data] for data in flow.target if data in after.data] or [None])
    assert run.missing == tuple(data for data in flow.inputs if data in after.missing)
    assert set(run.silent) == after.silent
    assert after.complete or run.missing or run.silent


def check_order(calls: Sequence[Call], above: Mapping[str, object]) -> None:
    """Check that no builder ran before, or while, one upstream of it did."""
    for later, earlier in itertools.permutations(calls, 2):
        if earlier.builder in cast("Set[str]", above[later.builder]):
            assert earlier.ended < later.began


# --- the model itself, by hand ---------------------------------------------------------------------------------------


@attrs.frozen
class A:
    n: int


@attrs.frozen
class B:
    n: int


@attrs.frozen
class C:
    n: int


@attrs.frozen
class D:
    n: int


@attrs.frozen
class E:
    n: int


def n(values: Values, data: Type[object]) -> int:
    return cast(int, getattr(values.get(data), "n", 0))


BRANCHING = NaiveWorkflow(
    target=(E,),
    inputs=(A, B),
    builders=(
        NaiveBuilder("late", (D,), (), (E,), lambda v: E(n(v, D))),
        NaiveBuilder("from_b", (C, B), (), (D,), lambda v: D(n(v, B))),
        NaiveBuilder("choose", (A,), (), (C, D), lambda v: None if n(v, A) == 0 else (C, D)[n(v, A) % 2](n(v, A))),
    ),
)
"""`choose` returns nothing for 0, a C for an even number and a D for an odd one; a C needs a B to get on."""


def test_the_model_builds_what_the_data_allow_whatever_the_order_of_the_builders():
    assert naive_run(BRANCHING, {A: A(3)}).data == {A: A(3), D: D(3), E: E(3)}
    assert naive_run(BRANCHING, {A: A(2), B: B(5)}).data == {A: A(2), B: B(5), C: C(2), D: D(5), E: E(5)}
    assert naive_run(BRANCHING, {B: B(5)}).data == {B: B(5)}


def test_the_model_names_missing_inputs_in_the_worlds_that_the_choices_leave():
    assert naive_run(BRANCHING, {}).missing == {A, B}
    assert naive_run(BRANCHING, {A: A(2)}).missing == {B}
    assert naive_run(BRANCHING, {A: A(3)}).missing == set()


def test_the_model_names_the_silent_on_the_way():
    assert naive_run(BRANCHING, {A: A(0), B: B(5)}).silent == {"choose"}
    assert naive_run(BRANCHING, {A: A(2)}).silent == set()


def test_the_model_calls_what_changed_and_stops_where_it_ends_the_same():
    first, same, other = (naive_run(BRANCHING, {A: A(a), B: B(5)}) for a in (2, 4, 3))
    assert expected_calls(BRANCHING, NOTHING_YET, first) == calls("choose", "from_b", "late")
    assert expected_calls(BRANCHING, first, same) == calls("choose", "from_b")
    assert expected_calls(BRANCHING, first, first) == calls()
    assert expected_calls(BRANCHING, first, first, renewed={B}) == calls("from_b")
    assert expected_calls(BRANCHING, first, other) == calls("choose", "late")


def calls(*must: str) -> Calls:
    return Calls(frozenset(must))


def test_the_model_calls_again_for_what_was_withdrawn_and_came_back_equal():
    flow = NaiveWorkflow(
        target=(E,),
        inputs=(A,),
        builders=(
            NaiveBuilder("choose", (A,), (), (B, C), lambda v: (B, C)[n(v, A)](1)),
            NaiveBuilder("from_b", (B,), (), (D,), lambda _: D(1)),
            NaiveBuilder("from_c", (C,), (), (D,), lambda _: D(1)),
            NaiveBuilder("late", (D,), (), (E,), lambda _: E(1)),
        ),
    )
    before, after = naive_run(flow, {A: A(0)}), naive_run(flow, {A: A(1)})
    assert before.data[D] == after.data[D]
    assert expected_calls(flow, before, after) == calls("choose", "from_c", "late")


def test_the_model_leaves_open_whether_a_product_is_withdrawn_before_an_equal_one_replaces_it():
    before, after = naive_run(BRANCHING, {A: A(2), B: B(3)}), naive_run(BRANCHING, {A: A(3), B: B(3)})
    assert before.data[D] == after.data[D]
    assert expected_calls(BRANCHING, before, after) == Calls(frozenset({"choose"}), frozenset({"late"}))


def test_the_model_orders_by_optionals_as_well():
    flow = NaiveWorkflow(
        target=(C,),
        inputs=(A,),
        builders=(
            NaiveBuilder("taker", (), (B,), (C,), lambda v: C(n(v, B))),
            NaiveBuilder("maker", (A,), (), (B,), lambda v: B(n(v, A))),
        ),
    )
    assert upstream(flow) == {"maker": set(), "taker": {"maker"}}
    assert naive_run(flow, {}).data == {C: C(0)}
    assert naive_run(flow, {A: A(1)}).data == {A: A(1), B: B(1), C: C(1)}


# --- the random workflows themselves ----------------------------------------------------------------------------------


def exclusive_producers(flow: RandomWorkflow) -> bool:
    products = [data for shape in flow.shapes for data in shape.produces]
    return len(products) > len(set(products))


def stuck_somewhere(flow: RandomWorkflow) -> bool:
    return any(len(world.running) < len(flow.shapes) for world in worlds(flow.naive))


def withdraws(story: Story) -> bool:
    rests = list(rests_of(story))
    return any(set(before.data) - set(after.data) for before, after in zip(rests, rests[1:]))


def cuts_off(story: Story) -> bool:
    rests = list(rests_of(story))
    naive = story.flow.naive
    return any(
        name in before.made and before.took[name] != after.took[name] and before.made[name] == after.made.get(name)
        for before, after in zip(rests, rests[1:])
        for name in expected_calls(naive, before, after).must
    )


def rests_of(story: Story) -> Iterator[Outcome]:
    fed: Dict[type, object] = {}
    for move in story.moves:
        fed.update({type(one): one for one in move.data})
        yield naive_run(story.flow.naive, fed)


FEATURES: Mapping[str, Callable[[RandomWorkflow], bool]] = {
    "two producers of one data": exclusive_producers,
    "a builder that only some worlds need": stuck_somewhere,
    "a union target": lambda flow: len(flow.target) > 1,
    "a builder without consumes": lambda flow: any(not shape.consumes for shape in flow.shapes),
    "a builder that takes nothing at all": lambda flow: any(not s.consumes + s.optionals for s in flow.shapes),
    "an optional": lambda flow: any(shape.optionals for shape in flow.shapes),
    "a default": lambda flow: any(shape.defaults for shape in flow.shapes),
    "nothing yet": lambda flow: any(shape.maybe for shape in flow.shapes),
    "an access": lambda flow: any(shape.accesses for shape in flow.shapes),
    "an access to its own product": lambda flow: any(set(s.accesses) & set(s.produces) for s in flow.shapes),
    "two branches": lambda flow: sum(len(shape.produces) > 1 for shape in flow.shapes) > 1,
}


@pytest.mark.parametrize("feature", FEATURES)
def test_random_workflows_show_every_feature(feature):
    find(random_workflows(), FEATURES[feature], settings=attempts())


@pytest.mark.parametrize("event", [withdraws, cuts_off], ids=lambda event: event.__name__)
def test_random_stories_show_every_event(event):
    find(stories(), event, settings=attempts())


def attempts() -> settings:
    """Look for one example, and leave it as it is found."""
    return settings(examples(1), max_examples=500, phases=[Phase.generate])


# --- the properties --------------------------------------------------------------------------------------------------


@given(story=stories())
@examples(100)
def test_a_run_ends_where_the_last_values_of_its_inputs_lead_and_calls_only_what_it_must(new_store, story):
    play(story, new_store(), Watch())


@given(story=stories(most=4, workers=[2, 4]))
@examples(50)
def test_threads_and_slow_builders_change_nothing(new_store, story):
    play(story, new_store(), Watch(naps=True))


@given(flow=random_workflows(), data=st.data())
@examples(60)
def test_a_run_in_memory_agrees_with_an_executor(flow, data):
    move = data.draw(moves(flow))
    real = flow.real(Watch())
    run = real.run(*move.data)
    check_run(run, flow, naive_run(flow.naive, {type(one): one for one in move.data}))


@given(story=stories(most=5), tries=st.lists(st.integers(0, 3), min_size=16, max_size=16))
@examples(60)
def test_builders_that_fail_at_first_are_tried_until_the_run_ends_the_same(new_store, story, tries):
    watch = Watch(tries={shape.name: count for shape, count in zip(story.flow.shapes, tries)})
    player = Player(story.flow, new_store(), watch)
    above = upstream(story.flow.naive)
    idle = Move("run", (), anew=False, max_workers=4)
    try:
        for move in (*story.moves, *[idle] * (sum(tries) + 1)):
            if move.anew:
                player.renew(move.max_workers)
            player.take(move.data)
            if move.kind == "feed":
                player.executor.feed(RUN, *move.data)
            else:
                check_tries(run_or_failure(player, move.data), watch.harvest(), above)
        check_run(player.executor.run(RUN), story.flow, naive_run(story.flow.naive, player.fed))
    finally:
        player.close()


def run_or_failure(player: Player, data: Sequence[object]) -> Optional[BuilderError]:
    try:
        player.executor.run(RUN, *data)
    except BuilderError as error:
        assert player.executor.load(RUN).status is Status.FAILED
        return error
    assert player.executor.load(RUN).status in {Status.COMPLETE, Status.PAUSED}
    return None


def check_tries(error: Optional[BuilderError], calls: Sequence[Call], above: Mapping[str, object]) -> None:
    """Check one call: each builder was tried once, in order, none below one that failed; all failures were told."""
    failed = {call.builder for call in calls if call.failed}
    assert len({call.builder for call in calls}) == len(calls)
    check_order(calls, above)
    assert not any(failed & cast("Set[str]", above[call.builder]) for call in calls)
    assert failed == ({one.builder for one in error.failures} if error else set())
    assert error is None or error.builder == error.failures[0].builder


# --- commits that go wrong -------------------------------------------------------------------------------------------


@attrs.frozen
class Faults:
    """Which of the commits to come go wrong, and how: None goes well."""

    ahead: List[Optional[str]]
    lock: threading.Lock = attrs.field(factory=threading.Lock)

    def next(self) -> Optional[str]:
        with self.lock:
            return self.ahead.pop(0) if self.ahead else None


@attrs.frozen
class FaultyJournals:
    """Journals whose commits go wrong as a store may let them: not written, or unknown to be."""

    inner: Journals
    faults: Faults

    def load(self, run: str, /, *, after: int = 0) -> Tuple[Line, ...]:
        return self.inner.load(run, after=after)

    def append(self, run: str, expected_n: int, lines: Sequence[Line], /) -> Tuple[Line, ...]:
        fault = self.faults.next()
        if fault == "not written":
            raise NotWritten(run, why="no space")
        if fault == "lost":
            raise CommitUnknown(run, why="it never came")
        found = self.inner.append(run, expected_n, lines)
        if fault == "kept":
            raise CommitUnknown(run, why="it did come")
        return found

    def hold(self, run: str, /, *, wait_s: Optional[float] = None) -> contextlib.AbstractContextManager[None]:
        return self.inner.hold(run, wait_s=wait_s)

    def runs(self) -> Iterator[Tuple[str, Line]]:
        return self.inner.runs()

    def delete(self, run: str, /) -> None:
        self.inner.delete(run)


@attrs.frozen
class FaultyStore:
    inner: Store
    faults: Faults

    @property
    def encoded(self) -> bool:
        return self.inner.encoded

    def open(self, workflow: str, /) -> Journals:
        return FaultyJournals(self.inner.open(workflow), self.faults)


FAULTS = st.lists(st.sampled_from([None, None, "not written", "lost", "kept"]), max_size=20)


@given(story=stories(most=5), faults=FAULTS)
@examples(60)
def test_commits_that_go_wrong_neither_change_the_end_nor_repeat_what_was_kept(new_store, story, faults):
    store = new_store()
    ahead = Faults(list(faults))
    player = Player(story.flow, FaultyStore(store, ahead))
    idle = Move("run", (), anew=False, max_workers=4)
    try:
        for move in (*story.moves, *[idle] * len(faults)):
            if move.anew:
                player.renew(move.max_workers)
            with contextlib.suppress(StoreError):
                (player.executor.feed if move.kind == "feed" else player.executor.run)(RUN, *move.data)
            check_all_or_nothing(player, store, move.data)
        ahead.ahead.clear()
        check_run(player.executor.run(RUN), story.flow, naive_run(story.flow.naive, player.fed))
    finally:
        player.close()
    lines = store.open(player.real.name).load(RUN)
    last: Dict[str, Mapping[str, int]] = {}
    for line in lines:
        if isinstance(line, Built):
            assert last.get(line.by) != line.inputs
            last[line.by] = line.inputs


def check_all_or_nothing(player: Player, store: Store, data: Sequence[object]) -> None:
    """Note what was kept of what was fed: all of it, or nothing."""
    with Executor(player.real, store=store) as reader:
        try:
            run = reader.load(RUN)
        except UnknownRun:
            kept: Dict[type, object] = {}
        else:
            kept = {one: run[one] for one in player.flow.inputs if one in run}
    assert kept in (player.fed, {**player.fed, **{type(one): one for one in data}})
    player.fed = kept


# --- several threads, one run ----------------------------------------------------------------------------------------


@given(flow=random_workflows(), data=st.data(), apart=st.booleans())
@examples(50)
def test_a_run_fed_by_several_threads_at_once_ends_where_the_last_values_lead(new_store, flow, data, apart):
    numbers = st.lists(st.tuples(st.booleans(), st.integers(0, 2)), min_size=1, max_size=4)
    told = {one: data.draw(numbers, label=one.__name__) for one in flow.inputs}
    store, real = new_store(), flow.real(Watch(naps=True))
    with contextlib.ExitStack() as stack:
        count = len(told) if apart else 1
        executors = [stack.enter_context(Executor(real, store=store, max_workers=2)) for _ in range(count)]
        threads = [
            Feeder(executor, [(now, value(one, number)) for now, number in told[one]])
            for executor, one in zip(itertools.cycle(executors), told)
        ]
        for thread in threads:
            thread.thread.start()
        for thread in threads:
            thread.thread.join()
        assert [thread.errors for thread in threads] == [[] for _ in threads]
        fed = {one: value(one, told[one][-1][1]) for one in told}
        check_run(executors[0].run(RUN), flow, naive_run(flow.naive, fed))


@attrs.frozen
class Feeder:
    """A thread that feeds one input again and again, running the run or leaving that to others."""

    executor: Executor[object, object]
    told: Sequence[Tuple[bool, object]]
    errors: List[Exception] = attrs.field(factory=list)
    thread: threading.Thread = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "thread", threading.Thread(target=self.feed))

    def feed(self) -> None:
        try:
            for now, one in self.told:
                (self.executor.run if now else self.executor.feed)(RUN, one)
        except Exception as error:  # noqa: BLE001 -- told to the thread that waits
            self.errors.append(error)
