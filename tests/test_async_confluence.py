"""The data of a run depend only on what was fed last: random stories, some of whose builders and calls are awaited."""

from __future__ import annotations

import asyncio
from typing import Any, Callable, Dict, List, Tuple, cast

import attrs
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from polaris_dsl import Executor, FileStore, MemoryStore
from polaris_dsl._async import AsyncExecution
from polaris_dsl._wave import Wave
from polaris_dsl.stores import Store
from tests.naive_run import naive_run
from tests.random_workflows import Move, RandomWorkflow, Story, Watch, random_workflows, stories, value
from tests.test_confluence import RUN, Player, check_run, examples


@pytest.fixture(params=["memory", "file"], scope="module")
def new_store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Store]:
    if request.param == "memory":
        return MemoryStore
    return lambda: FileStore(tmp_path_factory.mktemp("runs"), durability="process")


def partly_async(flow: RandomWorkflow, chosen: List[bool]) -> RandomWorkflow:
    """Let the builders for which this says so be async."""
    shapes = [attrs.evolve(shape, is_async=chosen[at % len(chosen)]) for at, shape in enumerate(flow.shapes)]
    return attrs.evolve(flow, shapes=tuple(shapes))


CHOSEN = st.lists(st.booleans(), min_size=1, max_size=8)
AWAITED = st.lists(st.booleans(), min_size=1, max_size=8)
Case = Tuple[Story, List[bool], List[bool]]


def play(case: Case, store: Store, watch: Watch) -> None:
    """Make all moves of a story, awaiting some of them, and check what each leaves."""
    story, chosen, awaited = case
    flow = partly_async(story.flow, chosen)
    player = Player(flow, store, watch)
    last = Move("run", (), anew=False, max_workers=4)
    loop = asyncio.new_event_loop()
    try:
        for at, move in enumerate((*story.moves, last, last)):
            one = attrs.evolve(move, data=tuple(player.fed.values())) if at > len(story.moves) else move
            if one.anew:
                player.renew(one.max_workers)
            player.max_workers = 99  # async builders are not counted
            if one.kind == "run" and awaited[at % len(awaited)]:
                player.take(one.data)
                call = cast("Executor[Any, Any]", player.executor).arun(RUN, *one.data)
                player.check_rest(loop.run_until_complete(asyncio.wait_for(call, 60)))
            else:
                player.play(attrs.evolve(one, anew=False))
        assert not player.renewed
    finally:
        player.close()
        loop.close()


@given(story=stories(), chosen=CHOSEN, awaited=AWAITED)
@examples(100)
def test_a_run_ends_where_its_inputs_lead_whatever_is_async_and_whatever_is_awaited(
    new_store: Callable[[], Store], story: Story, chosen: List[bool], awaited: List[bool]
) -> None:
    play((story, chosen, awaited), new_store(), Watch())


@given(story=stories(most=4), chosen=CHOSEN)
@examples(40)
def test_slow_plain_builders_beside_the_loop_change_nothing(
    new_store: Callable[[], Store], story: Story, chosen: List[bool]
) -> None:
    play((story, chosen, [True]), new_store(), Watch(naps=True))


@given(flow=random_workflows(), chosen=CHOSEN, data=st.data())
@examples(50)
def test_a_run_that_several_feed_and_await_at_once_ends_where_the_last_values_lead(
    new_store: Callable[[], Store], flow: RandomWorkflow, chosen: List[bool], data: st.DataObject
) -> None:
    kinds = st.lists(st.tuples(st.sampled_from(["feed", "arun", "run"]), st.integers(0, 2)), min_size=1, max_size=4)
    told = {one: data.draw(kinds, label=one.__name__) for one in flow.inputs}

    async def feeds(executor: Executor[Any, Any], one: type) -> None:
        for kind, number in told[one]:
            if kind == "arun":
                await executor.arun(RUN, value(one, number))
            else:
                call = executor.feed if kind == "feed" else executor.run
                await asyncio.get_running_loop().run_in_executor(None, call, RUN, value(one, number))

    async def main(executor: Executor[Any, Any]) -> None:
        await asyncio.wait_for(asyncio.gather(*(feeds(executor, one) for one in told)), 60)
        check_run(await executor.arun(RUN), flow, naive_run(flow.naive, fed))

    fed: Dict[type, object] = {one: value(one, told[one][-1][1]) for one in told}
    with Executor(partly_async(flow, chosen).real(Watch(naps=True)), store=new_store(), max_workers=2) as executor:
        asyncio.run(main(executor))


@given(story=stories(most=4), chosen=CHOSEN, after=st.lists(st.integers(0, 12), min_size=1, max_size=6))
@examples(60)
def test_a_run_that_is_cancelled_now_and_then_ends_the_same(
    new_store: Callable[[], Store], story: Story, chosen: List[bool], after: List[int]
) -> None:
    flow = partly_async(story.flow, chosen)
    fed: Dict[type, object] = {}

    async def main() -> None:
        for at, move in enumerate(story.moves):
            fed.update({type(one): one for one in move.data})
            executor.feed(RUN, *move.data)
            running = asyncio.ensure_future(executor.arun(RUN))
            for _ in range(after[at % len(after)]):
                await asyncio.sleep(0)
            running.cancel()
            await asyncio.wait({running})
        check_run(await executor.arun(RUN, wait_s=0), flow, naive_run(flow.naive, fed))

    with Executor(flow.real(Watch()), store=new_store(), max_workers=2) as executor:
        asyncio.run(asyncio.wait_for(main(), 60))


# --- the properties themselves ---------------------------------------------------------------------------------------


def goes_wrong(case: Case) -> bool:
    try:
        play(case, MemoryStore(), Watch())
    except Exception:  # noqa: BLE001  whatever it is
        return True
    return False


def found_wrong() -> bool:
    """Say whether the first property finds anything wrong."""
    cases = st.tuples(stories(most=4), CHOSEN, st.just([True]))
    find(cases, goes_wrong, settings=settings(examples(1), max_examples=200, phases=[Phase.generate]))
    return True


def test_followers_that_are_not_begun_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    begin = AsyncExecution._begin

    def begin_the_first(self: AsyncExecution) -> None:
        if not hasattr(self, "begun"):
            begin(self)
        vars(self)["begun"] = True

    monkeypatch.setattr(AsyncExecution, "_begin", begin_the_first)
    assert found_wrong()


def test_results_that_are_dropped_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    end = AsyncExecution._end

    def drop(self: AsyncExecution, attempt: Any, future: Any) -> None:
        if attempt[0] != 1:
            end(self, attempt, future)

    monkeypatch.setattr(AsyncExecution, "_end", drop)
    assert found_wrong()


def test_builders_that_are_begun_before_what_they_wait_for_has_ended_are_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begin = AsyncExecution._begin

    def begin_what_follows_too(self: AsyncExecution) -> None:
        wave: Wave = self._wave
        begin(self)
        for attempt in list(self._running.values()):
            for follower in wave._followers[attempt[0]]:
                if self._state.ready(follower) and wave._waiting[follower] > 0:
                    wave.due.append(follower)
        begin(self)

    monkeypatch.setattr(AsyncExecution, "_begin", begin_what_follows_too)
    assert found_wrong()
