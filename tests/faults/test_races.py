"""Six processes that race for the same two hundred runs."""

from __future__ import annotations

import time
from contextlib import nullcontext
from pathlib import Path
from typing import Callable, List, Set, Tuple

import attrs
import pytest

from polaris_dsl import Context, Executor, FileStore, Workflow, builder, workflow
from polaris_dsl.errors import StoreError
from polaris_dsl.stores._file import FileJournals
from tests.faults import worse
from tests.faults.campaign import Campaign, Problem, Verdict, control, times
from tests.faults.counting import FLOW, count_on, judge_counts, lines_of, numbers_of
from tests.faults.processes import Doomed, Say, bury

RACERS = 6
RUNS = 200
COMMITS = 7
REFUSED = "refused"


def raced(work: Callable[[int, Say], object]) -> List[str]:
    """Let all race; return what they said."""
    doomed = [Doomed(lambda say: work(racer, say)) for racer in range(RACERS)]  # noqa: B023  forked at once
    return [line for said in bury(*doomed) for line in said.lines]


# --- for the numbers of lines ----------------------------------------------------------------------------------------


def race_for_numbers(root: Path, verdict: Verdict, *, runs: int) -> None:
    """Let all of them count in every run up to the same number, with nothing but the store between them."""

    def work(racer: int, say: Say) -> None:
        journals = FileStore(root).open(FLOW)
        for run in map(str, range(runs)):  # all in one order, so that they meet
            try:
                while len(numbers_of(lines_of(journals, run))) < COMMITS:
                    for acknowledged in count_on(journals, run, who=racer):
                        say(acknowledged)
            except StoreError as error:
                say(f"{REFUSED} {run} {type(error).__name__}")

    said = raced(work)
    verdict.tried += len(said)
    for line in said:
        if line.startswith(REFUSED):
            verdict.blame(Problem.REFUSED, line)
    judge_counts(FileStore(root), verdict, [line for line in said if not line.startswith(REFUSED)])


def test_exactly_one_of_several_processes_wins_a_number(ram, campaign: Campaign):
    with campaign.count("commits that six processes race for") as verdict:
        race_for_numbers(ram, verdict, runs=times(RUNS))


@control
@pytest.mark.parametrize("worsen", [worse.without_comparing_before_appending, worse.without_the_append_lock])
def test_the_races_notice_a_store(worsen, ram, monkeypatch):
    worsen(monkeypatch)
    verdict = Verdict()
    race_for_numbers(ram, verdict, runs=100)
    assert verdict.bad


# --- for runs --------------------------------------------------------------------------------------------------------


@attrs.frozen
class Order:
    number: int


@attrs.frozen
class Packed:
    number: int


@attrs.frozen
class Paid:
    number: int


@attrs.frozen
class Sent:
    number: int


@attrs.frozen
class Warehouse:
    """Says each thing that it does for an order: an effect outside, which nothing can take back."""

    say: Say
    takes_s: float

    @builder
    def pack(self, order: Order, context: Context) -> Packed:
        self._does(context)
        return Packed(order.number)

    @builder
    def charge(self, order: Order, context: Context) -> Paid:
        self._does(context)
        return Paid(order.number)

    @builder
    def send(self, packed: Packed, paid: Paid, context: Context) -> Sent:
        self._does(context)
        return Sent(packed.number + paid.number)

    def _does(self, context: Context) -> None:
        self.say(f"{context.run_id} {context.builder} {context.idempotency_key}")
        time.sleep(self.takes_s)


def shipping(say: Say, *, takes_s: float) -> Workflow[Sent, Order]:
    at = Warehouse(say, takes_s)
    return workflow(name=FLOW, target=Sent, inputs=Order, builders=[at.pack, at.charge, at.send])


def race_for_runs(root: Path, verdict: Verdict, *, runs: int, takes_s: float = 0.0) -> None:
    """Let all of them run every run to its end."""

    def work(racer: int, say: Say) -> None:
        with Executor(shipping(say, takes_s=takes_s), store=FileStore(root), max_workers=1) as executor:
            for number in range(runs):
                assert executor.run(str(number), Order(number)).result() == Sent(2 * number)

    effects = raced(work)
    wanted = {(str(run), f"Warehouse.{name}") for run in range(runs) for name in ("pack", "charge", "send")}
    seen: Set[Tuple[str, str]] = set()
    for run, name, _ in (effect.split(" ") for effect in effects):
        verdict.tried += 1
        if (run, name) in seen:
            verdict.blame(Problem.DOUBLED, f"{name} for {run}")
        seen.add((run, name))
    for missing in sorted(wanted - seen):
        verdict.blame(Problem.LOST, missing)


def test_each_builder_is_called_once_for_a_run_that_six_processes_race_for(ram, campaign: Campaign):
    with campaign.count("builders of runs that six processes race for") as verdict:
        race_for_runs(ram, verdict, runs=times(RUNS))


@control
def test_the_races_notice_that_runs_are_not_held(ram, monkeypatch):
    monkeypatch.setattr(FileJournals, "hold", lambda self, run, *, wait_s=None: nullcontext())
    monkeypatch.delattr(FileJournals, "record")  # which is for who holds a run
    verdict = Verdict()
    race_for_runs(ram, verdict, runs=10, takes_s=0.01)
    assert verdict.found[Problem.DOUBLED]
