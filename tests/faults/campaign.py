"""How much of the campaign is run, and what it counted."""

from __future__ import annotations

import enum
import os
import sys
import time
from collections import Counter
from contextlib import contextmanager
from typing import Counter as CounterOf
from typing import Iterator, List, Sequence, Tuple, TypeVar

import attrs

T = TypeVar("T")

LONG = 20.0
ELSEWHERE = 0.2
SHOWN = 3


def extent() -> float:
    """Return how many times the short form is run: `POLARIS_FAULTS` is a number, or `long`.

    The short form is run whole on one version of Python; on the others a part of it must do.
    """
    wanted = os.environ.get("POLARIS_FAULTS", "")
    if wanted:
        return LONG if wanted == "long" else float(wanted)
    return 1.0 if sys.version_info[:2] == (3, 11) else ELSEWHERE


def times(short: int, *, at_least: int = 1) -> int:
    """Return how often to do what the short form does `short` times."""
    return max(at_least, round(short * extent()))


def some_of(cases: Sequence[T], *, short: float = 1.0) -> Sequence[T]:
    """Return evenly spaced cases: of all that there are, the share that the short form tries; at most all."""
    share = min(1.0, short * extent())
    wanted = max(1, round(len(cases) * share))
    return [cases[at * len(cases) // wanted] for at in range(wanted)] if cases else []


def control(test: T) -> T:
    """Mark a negative control, which runs where the short form is run whole."""
    vars(test)["control"] = True
    return test


class Problem(enum.Enum):
    """What a store must never do."""

    LOST = "lost"
    """It was acknowledged, and is not there."""
    DOUBLED = "doubled"
    """It is there twice."""
    SILENT = "silent"
    """Something is read as data that nobody wrote, or not as it was written."""
    REFUSED = "refused"
    """The store refuses what it promised to keep usable."""


@attrs.define
class Verdict:
    """How often a fault was tried, and what came of it; problems come with a few examples."""

    tried: int = 0
    found: CounterOf[Problem] = attrs.field(factory=Counter)
    examples: List[str] = attrs.field(factory=list)

    def blame(self, problem: Problem, example: object, /) -> None:
        """Note a problem."""
        self.found[problem] += 1
        if len(self.examples) < SHOWN:
            self.examples.append(f"{problem.value}: {example}")

    def add(self, other: Verdict, /) -> None:
        """Take over what another verdict found, and how much it tried."""
        self.tried += other.tried
        self.found += other.found
        self.examples = (self.examples + other.examples)[:SHOWN]

    @property
    def bad(self) -> bool:
        """Whether there was any problem."""
        return bool(self.found)


@attrs.define
class Campaign:
    """What was tried in this run of the tests: a verdict for each fault, and the seconds it took."""

    rows: List[Tuple[str, Verdict, float]] = attrs.field(factory=list)

    @contextmanager
    def count(self, fault: str, /) -> Iterator[Verdict]:
        """Count what is tried in the `with` block, and refuse it if it was bad."""
        verdict = Verdict()
        began = time.monotonic()
        yield verdict
        self.rows.append((fault, verdict, time.monotonic() - began))
        assert verdict.tried
        assert not verdict.bad, "\n".join(verdict.examples)

    def table(self) -> Iterator[str]:
        """Yield the lines of the table of counts."""
        yield f"{'fault':<62}{'tried':>8}" + "".join(f"{problem.value:>9}" for problem in Problem) + f"{'s':>8}"
        for fault, verdict, took_s in self.rows:
            counts = "".join(f"{verdict.found[problem]:>9,}" for problem in Problem)
            yield f"{fault:<62}{verdict.tried:>8,}{counts}{took_s:>8.1f}"
