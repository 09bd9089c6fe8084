"""Workers that count on in a few journals, each number once, and what must be left of what was acknowledged to them."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from contextlib import nullcontext
from typing import DefaultDict, Dict, Iterator, List, Sequence, Tuple

from polaris_dsl.errors import StoreError, UnknownRun
from polaris_dsl.stores import Fed, Journals, Line, Put, Rested, Started, Store
from tests.faults.campaign import Problem, Verdict
from tests.faults.processes import Say

FLOW = "payments"
AT = "2026-03-01T09:30:00.125Z"
RESTED = Rested(AT, "paused")


def started(run: str, /) -> Started:
    return Started(AT, run, FLOW, "4f1d")


def numbered(number: int, who: object, /) -> Fed:
    return Fed(AT, (Put("Number", f'"{number} {who}"'),))


def numbers_of(lines: Sequence[Line], /) -> List[Tuple[int, str]]:
    """Return the numbers in a journal, each with who counted it."""
    bodies = [str(line.put[0].body).strip('"').split(" ") for line in lines if isinstance(line, Fed)]
    return [(int(number), who) for number, who in bodies]


def lines_of(journals: Journals, run: str, /) -> Tuple[Line, ...]:
    try:
        return journals.load(run)
    except UnknownRun:
        return ()


def count_on(journals: Journals, run: str, /, *, who: object, times: int = 1, size: int = 0) -> Iterator[str]:
    """Commit the next numbers together; yield what was acknowledged, in words for `judge_counts`."""
    lines = lines_of(journals, run)
    while True:
        first = len(numbers_of(lines))
        counted = range(first, first + times)
        begun: List[Line] = [] if lines else [started(run)]
        padded = f"{who}{'x' * size}"
        news = journals.append(run, len(lines), [*begun, *(numbered(number, padded) for number in counted)])
        if not news:
            yield from (f"{run} {number} {padded}" for number in counted)
            return
        lines += news


def work(store: Store, say: Say, /, *, who: int, runs: Sequence[str], early: bool = False) -> None:
    """Count on for ever, in all ways there are; say what was acknowledged (early: before it was)."""
    chance = random.Random(who)
    journals = store.open(FLOW)
    while True:
        run = chance.choice(runs)
        with journals.hold(run) if chance.random() < 0.7 else nullcontext():
            if early:
                say(f"{run} {len(numbers_of(lines_of(journals, run)))} {who}")
            for acknowledged in count_on(journals, run, who=who, times=chance.choice((1, 1, 2))):
                say(acknowledged)
            if chance.random() < 0.3:
                journals.append(run, len(journals.load(run)), [RESTED])


def judge_counts(store: Store, verdict: Verdict, acknowledged: Sequence[str], /) -> None:
    """See that each run counts on without a gap or a double, and holds what was acknowledged, to whom it was."""
    journals = store.open(FLOW)
    told: DefaultDict[str, Dict[int, str]] = defaultdict(dict)
    for run, number, who in (line.split(" ") for line in acknowledged):
        if told[run].setdefault(int(number), who) != who:
            verdict.blame(Problem.DOUBLED, f"{run} {number} was acknowledged to {who} and to {told[run][int(number)]}")
    for run in sorted({*told, *_listed(journals, verdict)}):
        try:
            with journals.hold(run, wait_s=0):
                kept = numbers_of(lines_of(journals, run))
        except StoreError as error:
            verdict.blame(Problem.REFUSED, error)
        else:
            _judge(run, kept, told[run], verdict)


def _judge(run: str, kept: Sequence[Tuple[int, str]], told: Dict[int, str], verdict: Verdict) -> None:
    numbers = Counter(number for number, _ in kept)
    for number, count in numbers.items():
        if count > 1:
            verdict.blame(Problem.DOUBLED, f"{run} {number}: {count} times")
    if sorted(numbers) != list(range(len(numbers))):
        verdict.blame(Problem.SILENT, f"{run} holds {sorted(numbers)}")
    for number, who in told.items():
        if (number, who) not in kept:
            verdict.blame(Problem.LOST, f"{run} {number}, which was acknowledged to {who}")


def _listed(journals: Journals, verdict: Verdict) -> List[str]:
    listed = []
    try:
        for run, _ in journals.runs():
            listed.append(run)
    except StoreError as error:
        verdict.blame(Problem.REFUSED, f"the listing: {error}")
    return listed
