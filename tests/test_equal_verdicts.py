"""One analyzer, told alike: on random programs mypy tells at each item what the run time tells of it, word for word.

POLARIS_VERDICTS says how many programs are compared; for the long form, 2000. Where the two differ, the program is made
smaller until nothing can be left out of it, and printed.
"""

from __future__ import annotations

import collections
import importlib
import itertools
import os
import sys
import time
from pathlib import Path
from typing import Counter, Iterator, List, Mapping, Sequence, Tuple

import attrs
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from polaris_dsl import WorkflowError
from polaris_dsl.diagnostics import Diagnostic
from tests.conftest import PROFILE
from tests.rendered_workflows import (
    SHOP,
    Program,
    Rendered,
    Take,
    Written,
    each_written_badly,
    programs,
    rendered,
    shared_modules,
    smaller,
)
from tests.typecheck_runner import CONFIG, Told, difference, lines_of, mypy, told_by

pytest.importorskip("mypy", reason="the plugin needs mypy 2, which needs Python 3.10")

COUNT = int(os.environ.get("POLARIS_VERDICTS", "300"))
BATCH = 60

LOOSE = f"""
[mypy-{SHOP}.*]
implicit_reexport = true
disallow_any_generics = false
disallow_incomplete_defs = false
disallow_untyped_calls = false
disallow_untyped_decorators = false
disallow_untyped_defs = false
"""


def drawn(count: int) -> List[Program]:
    """Draw programs with hypothesis; they are judged together, so it is not hypothesis that makes them smaller."""
    found: List[Program] = []

    @settings(max_examples=count, phases=[Phase.generate], database=None, suppress_health_check=list(HealthCheck))
    @given(programs())
    def collect(program: Program) -> None:
        found.append(program)

    collect()
    return found


@attrs.frozen
class Verdict:
    """What both say of a program, and where they differ."""

    program: Program
    rendered: Rendered
    codes: Tuple[str, ...]
    """What the run time told."""
    difference: str

    def __str__(self) -> str:
        return f"{self.difference}\n\n{self.rendered}"


@attrs.define
class Judges:
    """mypy and the run time, over a folder that programs are written into under names that are never used again."""

    folder: Path
    cache: Path
    serial: Iterator[int] = attrs.field(factory=itertools.count)
    seconds: float = 0.0
    """What mypy took."""

    @property
    def config(self) -> Path:
        return self.folder / "mypy.ini"

    def begin(self) -> None:
        (self.folder / SHOP).mkdir(parents=True)
        self.write(shared_modules())
        self.config.write_text(CONFIG.read_text(encoding="utf-8") + LOOSE, encoding="utf-8")
        self.mypy(list(shared_modules()))

    def write(self, modules: Mapping[str, str]) -> None:
        for name, text in modules.items():
            (self.folder / SHOP / name).write_text(text, encoding="utf-8")

    def mypy(self, modules: Sequence[str]) -> Mapping[str, Tuple[Told, ...]]:
        """Return what mypy tells of each module."""
        began = time.monotonic()
        paths = [Path(SHOP, name) for name in modules]
        told = mypy(paths, folder=self.folder, cache=self.cache, config=str(self.config))
        self.seconds += time.monotonic() - began
        return {path.name: found for path, found in told.items()}

    def judge(self, chosen: Sequence[Program], *, again: bool = False) -> List[Verdict]:
        """Return the verdicts on programs; `again` edits the module of each workflow and asks a second time."""
        batch = [(program, rendered(program, serial=next(self.serial))) for program in chosen]
        modules = {name: text for _, one in batch for name, text in one.modules.items()}
        self.write(modules)
        rounds = [self.mypy(list(modules))]
        if again:
            self.write({name: f"{text}\n# edited\n" for name, text in modules.items() if name.startswith("flow")})
            rounds.append(self.mypy(list(modules)))
        return [verdict(program, one, rounds) for program, one in batch]

    def shrink(self, found: Verdict) -> Verdict:
        """Leave out of a program what can be left out while the two still differ."""
        for _ in range(20):
            less = list(itertools.islice(smaller(found.program), BATCH))
            differ = [one for one in self.judge(less) if one.difference] if less else []
            if not differ:
                break
            found = differ[0]
        return found


ODD = {"write_badly", "list_no_builder", "want_no_data", "feed_no_data"}
"""The slips of which mypy has something of its own to say."""


def verdict(program: Program, one: Rendered, rounds: Sequence[Mapping[str, Tuple[Told, ...]]]) -> Verdict:
    """Compare what mypy told, each time, of the modules of a program with what the run time tells of it."""
    expected = [attrs.evolve(told_by(found), line=one.lines[found.item]) for found in run_time(one)]
    odd = ODD.intersection(program.slips)
    differences = []
    for told in rounds:
        every = ((found, module) for module in one.modules for found in told.get(module, ()))
        seen = [at_its_item(found, module, one) for found, module in every if found.message or not odd]
        differences.append(difference(lines_of(seen), lines_of(expected)))
    return Verdict(program, one, tuple(found.code for found in expected), "\n".join(filter(None, differences)))


def run_time(one: Rendered) -> Sequence[Diagnostic]:
    module = next(iter(one.modules))[: -len(".py")]
    try:
        importlib.import_module(f"{SHOP}.{module}")
    except WorkflowError as error:
        return error.diagnostics
    return ()


def at_its_item(found: Told, module: str, one: Rendered) -> Told:
    """Move a signature that cannot be read from its decorator, where mypy tells it, to its first item in the list."""
    if found.code == "polaris-bad-builder":
        for item, (where, first, last) in one.defined.items():
            if where == module and first <= found.line <= last:
                return attrs.evolve(found, line=one.lines[item])
    return found


@pytest.fixture(name="judges", scope="module")
def judges_of_a_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judges]:
    judges = Judges(tmp_path_factory.mktemp("verdicts") / "here", tmp_path_factory.getbasetemp() / "mypy-cache")
    judges.begin()
    sys.path.insert(0, str(judges.folder))
    yield judges
    sys.path.remove(str(judges.folder))
    for name in [name for name in sys.modules if name.partition(".")[0] == SHOP]:
        del sys.modules[name]


def test_whatever_is_no_data_is_told_alike(judges: Judges) -> None:
    found = judges.judge(each_written_badly())
    assert "\n\n".join(str(one) for one in found if one.difference) == ""
    assert [str(one) for one in found if not one.codes and not one.program.written[0].extra] == []


def test_mypy_and_the_run_time_tell_the_same_at_the_same_items(
    judges: Judges, capsys: pytest.CaptureFixture[str]
) -> None:
    every = drawn(COUNT)
    codes: Counter[str] = collections.Counter()
    judges.seconds = 0.0
    for at in range(0, len(every), BATCH):
        for one in judges.judge(every[at : at + BATCH], again=at == 0):
            if one.difference:  # a mutant only wants to be caught
                pytest.fail(str(one if PROFILE == "hunt" else judges.shrink(one)))
            codes.update(set(one.codes) or {"valid"})
    share = codes["valid"] / len(every)
    cost = judges.seconds / len(every) * 1000
    told = ", ".join(f"{code} {count}" for code, count in codes.most_common())
    with capsys.disabled():
        print(f"\n{len(every)} programs, {share:.0%} valid, {cost:.0f} ms of mypy for each: {told}")  # noqa: T201 -- news
    assert 0.5 <= share <= 0.8


def test_where_they_differ_the_program_is_made_smaller_until_nothing_can_be_left_out(judges: Judges) -> None:
    # To mypy another name of a function is a value of a Callable type: it only says that it cannot judge it.
    known = Program(
        inputs=("In0", "In1"),
        target=("Out1",),
        written=(
            Written("b0", (Take("In0", "consumes"), Take("In1", "access")), ("Out0",), form="method", given="first"),
            Written("b1", (Take("Out0", "consumes"),), ("Out1",), form="undecorated"),
        ),
        listed=(0, 1),
        pieces=(("alias", 2),),
        call=7,
        future=True,
        name="card-payment",
    )
    (found,) = judges.judge([known])
    small = judges.shrink(found)
    assert "said, not told: 19: polaris-bad-builder: b1 is not a builder: it is not decorated" in found.difference
    assert "polaris-bad-builder: b1 is not a builder" in small.difference
    assert small.program == Program(
        inputs=(),
        target=("Out1",),
        written=(known.written[0], Written("b1", (), ("Out1",), form="undecorated")),
        listed=(1,),
        pieces=(("alias", 2),),
    )
