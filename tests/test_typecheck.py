"""Runs the plugin over `typecheck/`, real programs that say in comments what must be told of each line, and runs them.

How the comments are written stands in `typecheck_runner.py`. The plain typing, without the plugin, is tested in
`test_checkers.py`.
"""

from __future__ import annotations

import collections
from pathlib import Path
from typing import List, Mapping, Tuple

import attrs
import pytest

from polaris_dsl.diagnostics import CATALOGUE
from tests.typecheck_runner import (
    CASES,
    OURS,
    ROOT,
    UNCHECKED,
    Told,
    difference,
    lines_of,
    mypy,
    run_time,
    wanted,
    wanted_at_run_time,
)

pytest.importorskip("mypy", reason="the plugin needs mypy 2, which needs Python 3.10")

of_each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.relative_to(ROOT).as_posix())


@pytest.fixture(name="told", scope="module")
def told_cold_and_warm(tmp_path_factory: pytest.TempPathFactory) -> List[Mapping[Path, Tuple[Told, ...]]]:
    """Return what mypy tells of all programs: at once, then warm, then again of those whose builders are not theirs."""
    cache = tmp_path_factory.getbasetemp() / "mypy-cache"
    return [mypy([case.relative_to(ROOT) for case in CASES], folder=ROOT, cache=cache) for _ in range(2)]


@of_each_case
def test_mypy_tells_of_a_program_exactly_what_it_says(told: List[Mapping[Path, Tuple[Told, ...]]], case: Path) -> None:
    cold, warm = (found.get(case, ()) for found in told)
    assert difference(cold, wanted(case)) == ""
    assert warm == cold


@of_each_case
def test_the_run_time_tells_the_same(case: Path) -> None:
    # Its line is that of the call; mypy's is that of the item.
    seen, said = ([attrs.evolve(one, line=0) for one in found] for found in (run_time(case), wanted_at_run_time(case)))
    assert difference(lines_of(seen), lines_of(said)) == ""


def test_there_are_many_programs_and_a_third_of_them_is_clean() -> None:
    programs = [case for case in CASES if case.parent.name == "typecheck"]
    clean = [case for case in programs if not wanted(case)]
    assert len(programs) >= 60
    assert len(clean) >= len(programs) / 3
    assert all(case in clean for case in programs if case.name.startswith("clean_"))


def test_every_code_is_told_several_times_with_its_help() -> None:
    told = [one for case in CASES for one in wanted(case) if one.message]
    counts = collections.Counter(one.code for one in told if one.notes)
    assert {code for code, count in counts.items() if count >= 3} == {OURS + code for code in CATALOGUE}
    bare = collections.Counter(one.code for one in told if not one.notes)
    assert bare.pop(UNCHECKED) >= 10
    assert bare == {"polaris-unused-input": 1}  # mypy does not print the same help twice on one line


def test_a_difference_is_shown_from_both_sides() -> None:
    one, other = Told(1, "polaris-cycle", "a waits for itself", ("help: none",)), Told(2, "arg-type")
    assert difference([one, other], [one, other]) == ""
    assert difference([one], [other]).splitlines() == [
        "told, not said: 1: polaris-cycle: a waits for itself",
        "        help: none",
        "said, not told: 2: arg-type: ",
    ]
