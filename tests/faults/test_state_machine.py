"""A file store in the hands of two openers, against a model, with failures, deaths and power cuts in between."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Dict, List, Optional, Tuple, Type

import attrs
import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from polaris_dsl.errors import CommitUnknown, NotWritten, RunLocked, StoreError, UnknownRun
from polaris_dsl.stores import Fed, FileStore, Line, Put, Rested, Started
from tests.faults import worse
from tests.faults.campaign import Campaign, control, times
from tests.faults.disks import MEMORY
from tests.faults.platter import Platter, lay_out

FLOW = "payments"
RUNS = st.sampled_from("ab")
OPENERS = st.sampled_from([0, 1])
FAULTS = st.one_of(
    st.none(), st.none(), st.tuples(st.sampled_from(["pwrite", "sync", "sync_folder", "dies"]), st.integers(0, 2))
)
Lines = Tuple[Line, ...]
Fault = Optional[Tuple[str, int]]
STEPS = 30


class Died(BaseException):
    """The process ends here, in the middle of a write."""


@attrs.define
class Known:
    """What a run may hold: now, and after a power cut. Nothing is a run that there is not."""

    now: List[Lines] = attrs.field(factory=lambda: [()])
    cut: List[Lines] = attrs.field(factory=lambda: [()])

    def be(self, lines: Lines, /) -> None:
        """It is just this, and durable."""
        self.now, self.cut = [lines], [lines]

    def perhaps(self, lines: Lines, /) -> None:
        """It may be this too, and whatever else a disk that failed may hold."""
        self.now = self.cut = [*self.cut, *self.now, lines]


class StoreMachine(RuleBasedStateMachine):
    """Two openers of one store; each rule says what they may find."""

    worsen = staticmethod(worse.as_it_is)
    tried = 0

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir=str(MEMORY) if MEMORY.is_dir() else None))
        self.held: Dict[str, Tuple[int, ExitStack]] = {}
        self.known = {"a": Known(), "b": Known()}
        self.numbers = itertools.count()
        self.cuts = itertools.count()
        self.dying: Optional[int] = None

    @initialize(stick=st.booleans())
    def begin(self, *, stick: bool) -> None:
        self.stick = stick
        disk = self.folder / "disk"
        disk.mkdir()
        self.open(disk)

    def open(self, disk: Path) -> None:
        """Open the store twice; the second opener writes in small pieces."""
        self.platter = Platter(disk, stick=self.stick)
        mine = attrs.evolve(type(self).worsen(self.platter.disk), pwrite=self.write)
        theirs = attrs.evolve(mine, pwrite=lambda fd, data, at: self.write(fd, data[:300], at))
        self.openers = [FileStore(disk / "runs", _disk=each).open(FLOW) for each in (mine, theirs)]

    def write(self, fd: int, data: bytes, at: int) -> int:
        if self.dying is not None:
            self.dying -= 1
            if self.dying < 0:
                self.platter.disk.pwrite(fd, data[: 2 * len(data) // 3], at)
                raise Died
        return self.platter.disk.pwrite(fd, data, at)

    def arm(self, fault: Fault) -> None:
        self.platter.coming = {}
        self.dying = None
        if fault is not None:
            if fault[0] == "dies":
                self.dying = fault[1]
            else:
                self.platter.coming = dict([fault])

    # --- what is done

    @rule(opener=OPENERS, run=RUNS, sizes=st.lists(st.integers(1, 900), min_size=1, max_size=3), fault=FAULTS)
    def feed(self, opener: int, run: str, sizes: List[int], fault: Fault) -> None:
        self.append(opener, run, [self.fed(size) for size in sizes], fault)

    @rule(opener=OPENERS, run=RUNS, fault=FAULTS)
    def rest(self, opener: int, run: str, fault: Fault) -> None:
        if self.found(opener, run):
            self.append(opener, run, [Rested(str(next(self.numbers)), "paused")], fault)

    def append(self, opener: int, run: str, lines: List[Line], fault: Fault) -> None:
        known = self.known[run]
        before = self.found(opener, run)
        new = lines if before else [Started("t", run, FLOW, "g"), *lines]
        after = (*before, *new)
        self.arm(fault)
        try:
            news = self.openers[opener].append(run, len(before), new)
        except NotWritten:
            known.now = [before]
        except CommitUnknown:
            known.perhaps(after)
        except Died:
            known.now = [before]
            self.let_go(opener)
        else:
            assert news == ()
            if isinstance(lines[0], Rested):
                known.now, known.cut = [after], [before, after]
            else:
                known.be(after)

    @rule(opener=OPENERS, run=RUNS)
    def append_too_late(self, opener: int, run: str) -> None:
        """A commit behind a line that is not the last is not made."""
        lines = self.found(opener, run)
        if len(lines) > 1:
            self.arm(None)
            assert self.openers[opener].append(run, len(lines) - 1, [self.fed(5)]) == lines[-1:]

    @rule(opener=OPENERS, run=RUNS, fault=FAULTS)
    def hold(self, opener: int, run: str, fault: Fault) -> None:
        known = self.known[run]
        if run in self.held:
            fault = None
        self.arm(fault)
        with ExitStack() as stack:
            try:
                stack.enter_context(self.openers[opener].hold(run, wait_s=0))
            except RunLocked:
                assert run in self.held
            except CommitUnknown:
                known.perhaps(known.now[-1])
            except Died:
                self.let_go(opener)
            else:
                assert run not in self.held
                known.be(self.found(opener, run))
                self.held[run] = opener, stack.pop_all()

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        self.arm(None)
        _, stack = self.held.pop(data.draw(st.sampled_from(sorted(self.held))))
        stack.close()

    @rule(opener=OPENERS, run=RUNS)
    def delete(self, opener: int, run: str) -> None:
        self.arm(None)
        try:
            self.openers[opener].delete(run)
        except RunLocked:
            assert run in self.held
        except UnknownRun:
            assert () in self.known[run].now
        else:
            self.known[run].be(())

    @rule(data=st.data())
    def cut_power(self, data: st.DataObject) -> None:
        """Go on with one of the images that are left."""
        self.arm(None)
        image = self.platter.left(lambda of: data.draw(st.integers(0, of - 1)))
        for opener in (0, 1):
            self.let_go(opener)
        disk = self.folder / f"disk-{next(self.cuts)}"
        lay_out(image, disk)
        self.open(disk)
        for run, known in self.known.items():
            known.now = known.cut
            known.now = known.cut = [self.found(0, run)]

    def let_go(self, opener: int) -> None:
        """Let go of all that an opener holds, as its death does."""
        self.arm(None)
        for run, (holder, stack) in list(self.held.items()):
            if holder == opener:
                del self.held[run]
                stack.close()

    # --- what is found

    def found(self, opener: int, run: str) -> Lines:
        self.arm(None)
        try:
            lines = self.openers[opener].load(run)
        except UnknownRun:
            lines = ()
        assert lines in self.known[run].now
        return lines

    @invariant()
    def both_find_what_they_may_find(self) -> None:
        if hasattr(self, "openers"):
            type(self).tried += 1
            for run in self.known:
                mine, theirs = (self.found(opener, run) for opener in (0, 1))
                assert mine == theirs
                assert dict(self.openers[0].runs()).get(run) == (mine[-1] if mine else None)

    def fed(self, size: int) -> Fed:
        return Fed(str(next(self.numbers)), (Put("Card", f'"{"x" * size}"'),))

    def teardown(self) -> None:
        self.arm(None)
        for opener in (0, 1):
            self.let_go(opener)
        shutil.rmtree(str(self.folder))


def run(machine: Type[StoreMachine], *, examples: int, phases: Tuple[Phase, ...] = tuple(Phase)) -> None:
    run_state_machine_as_test(
        machine, settings=settings(max_examples=examples, stateful_step_count=STEPS, phases=phases)
    )


def test_a_store_does_what_its_model_does(campaign: Campaign):
    class Counted(StoreMachine):
        pass

    with campaign.count("calls of two openers, with failures and power cuts") as verdict:
        run(Counted, examples=times(60))
        verdict.tried += Counted.tried


# --- negative controls: the model notices ----------------------------------------------------------------------------

MANY = 400
"""Examples, of which the first few do in general."""


@control
@pytest.mark.parametrize(
    "worsen",
    [
        worse.without_sync,
        worse.without_directory_sync,
        worse.without_sync_of_the_directories_above,
    ],
)
def test_the_model_notices_a_disk(worsen):
    class Worse(StoreMachine):
        pass

    Worse.worsen = staticmethod(worsen)
    with pytest.raises((AssertionError, StoreError)):
        run(Worse, examples=MANY, phases=(Phase.generate,))


@control
@pytest.mark.parametrize(
    "worsen",
    [
        worse.without_comparing_before_appending,
        worse.without_taking_commits_as_a_whole,
        worse.without_the_run_lock,
    ],
)
def test_the_model_notices_a_journal(worsen, monkeypatch):
    worsen(monkeypatch)
    with pytest.raises((AssertionError, StoreError)):
        run(StoreMachine, examples=MANY, phases=(Phase.generate,))
