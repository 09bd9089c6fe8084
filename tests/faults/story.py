"""A short story of commits that can be told again from any point, and what must be left of it wherever it ends."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, nullcontext, suppress
from itertools import groupby
from typing import Iterator, Optional, Sequence, Tuple, TypeVar

import attrs

from polaris_dsl.errors import CommitUnknown, NotWritten, StoreError, UnknownRun
from polaris_dsl.stores import Built, Failed, Fed, FileStore, Line, Put, Rested, Started
from polaris_dsl.stores._file import FileJournals
from tests.faults.campaign import Problem, Verdict

FLOW = "payments"
RUNS = ("a", "b")
T = TypeVar("T")
Lines = Tuple[Line, ...]
TRIES = 5
WAIT_S = 1.0
"""Nobody else is alive when the story is told: a lock that is not free now never will be."""


@attrs.frozen
class Act:
    """One commit to a run behind as many lines as it has by then, or its deletion; done once more, it does nothing."""

    run: str
    behind: int
    lines: Lines
    held: bool

    @property
    def synced(self) -> bool:
        """Whether a power cut must leave it; a status may go."""
        return not self.lines or not all(isinstance(line, Rested) for line in self.lines)

    def do(self, journals: FileJournals) -> None:
        try:
            if self.lines:
                news = journals.append(self.run, self.behind, self.lines)
                assert news[: len(self.lines)] in ((), self.lines)
            else:
                journals.delete(self.run)
        except UnknownRun:
            assert not self.lines  # it was deleted in an earlier telling


def _acts() -> Iterator[Act]:
    counts = dict.fromkeys(RUNS, 0)
    ticks = iter(range(10_000))

    def at() -> str:
        return f"2026-03-01T09:30:{next(ticks):02}Z"  # so no two lines are equal

    def act(run: str, *lines: Line, held: bool = False) -> Act:
        behind = counts[run]
        counts[run] = behind + len(lines) if lines else 0
        return Act(run, behind, lines, held)

    def put(size: int) -> Tuple[Put, ...]:
        return (Put("Card", '"' + "4" * size + '"'),)

    yield act("a", Started(at(), "a", FLOW, "g"))
    yield act("a", Fed(at(), put(9)), Fed(at(), put(1500)), held=True)
    yield act("a", Built(at(), "encrypt", {"Card": 3}, put(20)), held=True)
    yield act("a", Rested(at(), "due"), held=True)
    yield act("a", Built(at(), "tokenize", {"Card": 4}, put(400)), held=True)
    yield act("b", Started(at(), "b", FLOW, "g"), Fed(at(), put(30)))
    yield act("b", Rested(at(), "paused"))
    yield act("b", Failed(at(), "pay", {"Card": 2}, "GatewayTimeout", "bank.py:1"))
    yield act("a", Fed(at(), put(5)))
    yield act("a", Rested(at(), "paused"), held=True)
    yield act("a", Fed(at(), put(6)), Fed(at(), put(3000)), Built(at(), "pay", {}, put(1)), held=True)
    yield act("b")
    yield act("b", Started(at(), "b", FLOW, "anew"), held=True)
    yield act("b", Fed(at(), put(600)), held=True)


ACTS = tuple(_acts())


@contextmanager
def holding(journals: FileJournals, run: str, /) -> Iterator[None]:
    """Hold a run, however often the disk fails before that."""
    with ExitStack() as stack:
        for _ in range(TRIES):
            with suppress(NotWritten, CommitUnknown):
                stack.enter_context(journals.hold(run, wait_s=WAIT_S))
                break
        yield


def tell(store: FileStore, *, done: int = 0) -> Iterator[int]:
    """Do the acts behind the first `done` of them; yield how many are done each time that one was acknowledged."""
    journals = store.open(FLOW)
    for (run, held), acts in groupby(ACTS[done:], lambda act: (act.run, act.held)):
        with holding(journals, run) if held else nullcontext():
            for act in acts:
                _do(act, journals, done=done)
                done += 1
                yield done


def _do(act: Act, journals: FileJournals, *, done: int) -> None:
    for again in range(TRIES):
        with suppress(NotWritten, CommitUnknown):
            if again:
                rest_again(journals, done=done)  # a sync that failed may have taken a status with it
            return act.do(journals)
    raise AssertionError("it never went well")


def states(run: str, /) -> Iterator[Optional[Lines]]:
    """Yield the lines of a run (None: there is no such run) before each act, and after the last."""
    lines: Optional[Lines] = None
    yield lines
    for act in ACTS:
        if act.run == run:
            lines = (*(lines or ()), *act.lines) if act.lines else None
        yield lines


STATES = {run: tuple(states(run)) for run in RUNS}


def sure(run: str, *, done: int, power: bool) -> int:
    """Return how many acts are sure to be left of a run, of those done; a power cut may take a status with it."""
    acts = [number for number, act in enumerate(ACTS[:done], 1) if act.run == run and (act.synced or not power)]
    return max(acts, default=0)


def judge(store: FileStore, verdict: Verdict, *, done: int, power: bool = False) -> None:
    """Compare what is left with what was acknowledged; the act after that may have been done, as a whole, or not."""
    verdict.tried += 1
    journals = store.open(FLOW)
    for run in RUNS:
        allowed = STATES[run][sure(run, done=done, power=power) : done + 2]
        try:
            found = found_of(journals, run)
        except StoreError as error:
            verdict.blame(Problem.REFUSED, error)
            continue
        if found not in allowed:
            verdict.blame(_problem(found or (), allowed[0] or ()), f"run {run} after {done} acts: {found}")
    _judge_listing(journals, verdict)


def found_of(journals: FileJournals, run: str) -> Optional[Lines]:
    try:
        return journals.load(run)
    except UnknownRun:
        return None


def _problem(found: Lines, least: Lines) -> Problem:
    if len(set(map(repr, found))) < len(found):
        return Problem.DOUBLED
    return Problem.LOST if found == least[: len(found)] else Problem.SILENT


def _judge_listing(journals: FileJournals, verdict: Verdict) -> None:
    try:
        for run, last in journals.runs():
            if found_of(journals, run) is None or journals.load(run)[-1] != last:
                verdict.blame(Problem.SILENT, f"run {run} is listed with {last}")
    except StoreError as error:
        verdict.blame(Problem.REFUSED, f"the listing: {error}")


def goes_on(store: FileStore, verdict: Verdict, *, done: int) -> None:
    """Tell the rest of the story to what is left, and see that it ends as it should."""
    try:
        rest_again(store.open(FLOW), done=done)
        for _ in tell(store, done=done):
            pass
    except (StoreError, AssertionError) as error:
        verdict.blame(Problem.REFUSED, f"going on after {done} acts: {error!r}")
    judge(store, verdict, done=len(ACTS))
    verdict.tried -= 1


def rest_again(journals: FileJournals, *, done: int) -> None:
    """Do once more what a power cut, or a sync that failed, may have taken."""
    for number, act in enumerate(ACTS[:done]):
        if number >= sure(act.run, done=done, power=True):
            act.do(journals)


def numbers(said: Sequence[str], /) -> int:
    """Return the highest number that was said; 0 if nothing was."""
    return max(map(int, said), default=0)
