"""Random graphs, many threads, builders that sleep or not: no run fails and no data is wrong.

With POLARIS_LONG set: 100,000 runs.
"""

from __future__ import annotations

import hashlib
import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Dict, List, Mapping, Sequence, Tuple, cast

import attrs
import pytest

from polaris_dsl import Builder, Executor, MemoryStore, Status, Workflow, builder, workflow
from polaris_dsl._commits import Commits
from polaris_dsl._execution import Execution
from polaris_dsl._wave import Wave

LONG = bool(os.environ.get("POLARIS_LONG"))
SEEDS, GRAPHS, RUNS = (50, 80, 25) if LONG else (1, 80, 25)
"""How often dice are begun anew, how many graphs there are each time, and how many runs of each."""

MOST = 40


@attrs.frozen
class Given:
    """What a run is fed."""

    text: str


MADE: Sequence[type] = [
    attrs.make_class(f"Made{at}", {"text": attrs.field(type=str)}, frozen=True) for at in range(MOST)
]
ANSWER = attrs.make_class("Answer", {"text": attrs.field(type=str)}, frozen=True)


@attrs.frozen
class Node:
    """One builder: the earlier data that it consumes (-1: what is fed), and how long it sleeps (None: not at all)."""

    takes: Tuple[int, ...]
    sleeps_s: Any


def random_graph(dice: random.Random) -> List[Node]:
    """Return 5 to 40 builders; the last one takes what nobody else does, so that all of them are needed."""
    nodes: List[Node] = []
    for at in range(dice.randint(5, MOST)):
        earlier = range(-1, at)
        takes = tuple(dice.sample(earlier, min(len(earlier), dice.randint(1, 4))))
        nodes.append(Node(takes, dice.choice((None, None, None, 0, dice.random() / 1000))))
    return nodes


def text_of(name: str, texts: Sequence[str]) -> str:
    return hashlib.blake2b("|".join([name, *texts]).encode(), digest_size=8).hexdigest()


def expected(nodes: Sequence[Node], given: str) -> List[str]:
    """Work out all data one after the other, and the answer behind them."""
    texts: List[str] = []
    for at, node in enumerate(nodes):
        texts.append(text_of(f"make_{at}", [given if one < 0 else texts[one] for one in node.takes]))
    return [*texts, text_of("answer", [texts[at] for at in loose(nodes)])]


def loose(nodes: Sequence[Node]) -> List[int]:
    taken = {one for node in nodes for one in node.takes}
    return [at for at in range(len(nodes)) if at not in taken]


def flow_of(nodes: Sequence[Node]) -> Workflow[Any, Any]:
    builders = [_builder(f"make_{at}", node, MADE[at]) for at, node in enumerate(nodes)]
    builders.append(_builder("answer", Node(tuple(loose(nodes)), None), ANSWER))
    random.Random(len(nodes)).shuffle(builders)
    return workflow(target=cast(Any, ANSWER), inputs=Given, builders=builders)


def _builder(name: str, node: Node, makes: type) -> Builder[..., object]:
    def act(*taken: Any) -> object:
        if node.sleeps_s is not None:
            time.sleep(node.sleeps_s)
        return makes(text_of(name, [one.text for one in taken]))

    names = [f"p{at}" for at in range(len(node.takes))]
    scope: Dict[str, Any] = {"act": act}
    exec(f"def {name}({', '.join(names)}):\n    return act({', '.join(names)})\n", scope)  # noqa: S102  written above
    function: Callable[..., object] = scope[name]
    taken = [Given if one < 0 else MADE[one] for one in node.takes]
    function.__annotations__ = {**dict(zip(names, taken)), "return": makes}
    return builder(function)


def wrong_runs(seed: int, graphs: int, runs: int) -> Tuple[int, List[str]]:
    """Run random graphs from several threads at once; return how many runs there were, and what was wrong."""
    dice = random.Random(seed)
    wrong: List[str] = []
    count = 0
    for graph in range(graphs):
        nodes = random_graph(dice)
        with Executor(flow_of(nodes), max_workers=dice.randint(2, 16), store=MemoryStore()) as executor:
            with ThreadPoolExecutor(dice.randint(2, 4)) as callers:
                found = [callers.submit(judged, executor, nodes, f"{graph}-{run}") for run in range(runs)]
            count += len(found)
            wrong += [one.result() for one in found if one.result()]
    return count, wrong


def judged(executor: Executor[Any, Any], nodes: Sequence[Node], given: str) -> str:
    """Return what is wrong with one run; nothing if all its data are what they have to be."""
    try:
        run = executor.run(given, Given(given))
        again = executor.load(given)
    except BaseException as error:  # noqa: BLE001  all of it is told
        return f"{given}: {error!r}"
    right = dict(zip([*MADE[: len(nodes)], ANSWER], expected(nodes, given)))
    for shown in (run, again):
        texts: Mapping[type, str] = {data: cast(Any, shown[data]).text for data in shown if data is not Given}
        if shown.status is not Status.COMPLETE or texts != right:
            return f"{given}: {shown!r}"
    return "" if set(run.built) == set(right) else f"{given}: built {run.built!r}"


@pytest.mark.parametrize("seed", range(SEEDS))
def test_runs_over_random_graphs_in_many_threads_neither_fail_nor_hold_wrong_data(seed: int) -> None:
    count, wrong = wrong_runs(seed, GRAPHS, RUNS)
    assert wrong == []
    assert count == GRAPHS * RUNS


def test_some_runs_are_in_several_threads() -> None:
    seen = set()
    nodes = [Node((-1,), 0.001) for _ in range(8)]

    def note(self: Execution, *, helper: bool) -> None:
        seen.add(threading.get_ident())
        work(self, helper=helper)

    work = Execution._work
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Execution, "_work", note)
        with Executor(flow_of(nodes), max_workers=4) as executor:
            assert judged(executor, nodes, "r") == ""
    assert len(seen) > 1


# --- the checker itself ----------------------------------------------------------------------------------------------


def test_a_wave_that_does_not_wait_for_all_that_is_upstream_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def pass_on(self: Wave, call: int, free: List[int]) -> None:
        """Forget, now and then, that a follower waits for others too."""
        for follower in self._followers[call]:
            self._waiting[follower] -= 1
            if not self._waiting[follower] or (follower == call + 1 and self._waiting[follower] == 1):
                free.append(follower)

    monkeypatch.setattr(Wave, "_pass_on", pass_on)
    assert any(wrong_runs(seed, 10, 5)[1] for seed in range(5, 50))  # the first of them, mostly


def test_a_result_that_is_dropped_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    dice = random.Random(1)
    commit = Commits.at_once

    def drop(self: Commits, attempt: Any, outcome: Any) -> None:
        if dice.random() > 0.01:
            commit(self, attempt, outcome)

    monkeypatch.setattr(Commits, "at_once", drop)
    assert any(wrong_runs(seed, 10, 5)[1] for seed in range(5, 50))  # the first of them, mostly


def test_values_of_another_call_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    dice = random.Random(1)
    commit = Commits.at_once

    def wrong_value(self: Commits, attempt: Any, outcome: Any) -> None:
        slot, value = outcome
        commit(self, attempt, (slot, attrs.evolve(value, text="0") if dice.random() < 0.01 else value))

    monkeypatch.setattr(Commits, "at_once", wrong_value)
    assert any(wrong_runs(seed, 10, 5)[1] for seed in range(5, 50))  # the first of them, mostly
