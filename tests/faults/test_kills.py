"""SIGKILL before, in the middle of and after every call to the operating system, also while recovering from one."""

from __future__ import annotations

import itertools
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Optional, Sequence, Tuple
from typing import Counter as CounterOf

import attrs
import pytest

from polaris_dsl.errors import StoreError
from polaris_dsl.stores import Fed, FileStore, Put, _repair
from polaris_dsl.stores._disk import Descriptors, Disk, system_disk
from polaris_dsl.stores._locks import FlockLocks, Locks, OfdLocks
from tests.faults import story, worse
from tests.faults.campaign import Campaign, Problem, Verdict, control, some_of
from tests.faults.counting import started
from tests.faults.disks import Faults, KillAt, When, disk_with
from tests.faults.processes import Doomed, Say, die
from tests.faults.story import ACTS, FLOW, STATES, goes_on, judge, numbers, tell

WHEN: Tuple[When, ...] = ("before", "in the middle of", "after")
WHILE_RECOVERING = [KillAt(number, when) for number in range(40) for when in WHEN]
"""What comes first after a kill: opening, recovering, the next commit."""
LOCKS: Dict[str, Callable[[Descriptors, Disk], Locks]] = {"ofd": lambda *_: OfdLocks(), "flock": FlockLocks}


def open_store(root: Path, *, locks: str = "ofd", disk: Optional[Disk] = None) -> FileStore:
    return FileStore(root, durability="power" if disk else "process", _disk=disk, _locks=LOCKS[locks])


def kills(root: Path, *, locks: str = "ofd", calls: Optional[Sequence[str]] = None) -> List[KillAt]:
    """Return every place in the story (told once, to see them all), or every such call, at which it can be killed."""
    faults = Faults()
    for _ in tell(open_store(root, locks=locks, disk=faults.disk)):
        pass
    numbers_of_calls = [number for number, name in enumerate(faults.ops) if calls is None or name in calls]
    every = [KillAt(number, when) for number in numbers_of_calls for when in WHEN]
    return [kill for kill in every if kill.when != WHEN[1] or faults.ops[kill.number] == "pwrite"]


def tell_until_killed(root: Path, kill: KillAt, *, locks: str, done: int) -> int:
    """Tell the story behind `done` acts in a process that is killed; return how many were acknowledged by then."""

    def work(say: Say) -> None:
        for number in tell(open_store(root, locks=locks, disk=disk_with(attrs.evolve(kill))), done=done):
            say(str(number))

    return max(done, numbers(Doomed(work).bury().lines))


def survive(root: Path, verdict: Verdict, killed_at: Sequence[KillAt], *, locks: str = "ofd") -> None:
    """Kill the story at one place after the other, and judge what is left."""
    done = 0
    for kill in killed_at:
        done = tell_until_killed(root, kill, locks=locks, done=done)
    judge(open_store(root, locks=locks), verdict, done=done)
    goes_on(open_store(root, locks=locks), verdict, done=done)


@pytest.mark.parametrize(("locks", "short"), [("ofd", 1.0), ("flock", 0.25)])
def test_what_was_acknowledged_survives_a_kill_at_every_call(locks, short, ram, campaign: Campaign):
    with campaign.count(f"SIGKILL at every call, {locks} locks") as verdict:
        every = kills(ram / "seen", locks=locks)
        assert len(every) > 200
        for number, kill in enumerate(some_of(every, short=short)):
            survive(ram / str(number), verdict, [kill], locks=locks)


def test_what_was_acknowledged_survives_a_kill_while_recovering_from_a_kill(ram, campaign: Campaign):
    with campaign.count("SIGKILL at every call, and again while recovering") as verdict:
        every = kills(ram / "seen")
        pairs = list(itertools.product(every, WHILE_RECOVERING))
        for number, pair in enumerate(some_of(pairs, short=60 / len(pairs))):
            survive(ram / str(number), verdict, pair)


def half_a_commit_and_another(root: Path, verdict: Verdict) -> None:
    """Kill commits of two lines in their middle, and make a commit of another size in the place of each."""
    for number, (half, other) in enumerate(itertools.product((50, 500, 5_000), repeat=2)):
        folder = root / str(number)
        journals = open_store(folder).open(FLOW)
        journals.append("a", 0, [started("a")])
        pwrite = attrs.evolve(system_disk(""), pwrite=dying)
        doomed = open_store(folder, disk=pwrite).open(FLOW)
        Doomed(lambda _: doomed.append("a", 1, [fed(half), fed(half)])).bury()  # noqa: B023  forked at once
        verdict.tried += 1
        try:
            journals.append("a", 1, [fed(other)])
            if journals.load("a") != (started("a"), fed(other)):
                verdict.blame(Problem.SILENT, journals.load("a"))
        except StoreError as error:
            verdict.blame(Problem.REFUSED, error)


def fed(size: int) -> Fed:
    return Fed("t", (Put("Card", f'"{"x" * size}"'),))


def dying(fd: int, data: bytes, at: int) -> int:
    if at == 0:
        return os.pwrite(fd, data, at)  # what is there is written once more
    os.pwrite(fd, data[: 2 * len(data) // 3], at)
    return die()


def test_another_commit_in_the_place_of_half_a_commit_is_read_back(ram, campaign: Campaign):
    with campaign.count("SIGKILL in a commit, another in its place") as verdict:
        half_a_commit_and_another(ram, verdict)


def test_a_kill_at_every_call_of_a_repair_leaves_it_done_or_to_be_done(ram, campaign: Campaign):
    with campaign.count("SIGKILL at every call of a repair") as verdict:
        for when in WHEN:
            for number in range(50):
                root = ram / f"{when}-{number}"
                if not repair_until_killed(root, KillAt(number, when), verdict):
                    break
            else:
                pytest.fail("it never ended")


def repair_until_killed(root: Path, kill: KillAt, verdict: Verdict) -> bool:
    """Kill a repair; judge the journal and its copy, repair it again, and return whether there was a kill."""
    store = open_store(root)
    lines = STATES["a"][3]
    store.open(FLOW).append("a", 0, lines or ())
    (path,) = root.rglob("*.jsonl")
    damaged = path.read_bytes() + b"{}\n{"
    path.write_bytes(damaged)
    ended = Doomed(lambda _: open_store(root, disk=disk_with(kill)).repair("a")).bury().ended
    verdict.tried += not ended
    copies = [copy.read_bytes() for copy in root.rglob("*.damaged-*")]
    if path.read_bytes() != damaged and damaged not in copies:
        verdict.blame(Problem.LOST, "the copy of what was cut")
    store.repair("a")
    if store.open(FLOW).load("a") != lines:
        verdict.blame(Problem.SILENT, "a repair that was killed")
    return not ended


# --- negative controls: the kills notice -----------------------------------------------------------------------------


@control
def test_the_kills_notice_an_acknowledgement_that_comes_too_early(monkeypatch, ram):
    def tell_early(store: FileStore, *, done: int = 0) -> Iterator[int]:
        yield done + 1
        yield from (min(number + 1, len(ACTS)) for number in story.tell(store, done=done))

    monkeypatch.setattr(sys.modules[__name__], "tell", tell_early)
    assert what_the_kills_find(ram, *[KillAt(number, "before") for number in range(0, 100, 5)])[Problem.LOST]


@control
def test_the_kills_notice_a_store_that_takes_half_a_commit(monkeypatch, ram):
    worse.without_taking_commits_as_a_whole(monkeypatch)
    every = [kill for kill in kills(ram / "seen") if kill.when == WHEN[1]]
    assert what_the_kills_find(ram, *every)[Problem.SILENT]


@control
def test_the_kills_notice_a_recovery_that_does_not_cut(monkeypatch, ram):
    worse.without_cutting_what_is_torn(monkeypatch)
    verdict = Verdict()
    half_a_commit_and_another(ram, verdict)
    assert verdict.found[Problem.REFUSED]


@control
def test_the_kills_notice_a_recovery_that_cuts_before_it_writes(monkeypatch, ram):
    worse.cutting_before_writing_once_more(monkeypatch)
    cuts = [kill for kill in kills(ram / "seen", calls=("ftruncate",)) if kill.when == "after"]
    assert what_the_kills_find(ram, *cuts)[Problem.LOST]


@control
def test_the_kills_notice_a_lock_that_outlives_who_held_it(monkeypatch, ram):
    def take_run(self: FlockLocks, fd: int, path: str) -> bool:
        with suppress(FileExistsError):
            self._beside[fd] = self._descriptors.create(f"{path}.lock")
            return True
        return False

    monkeypatch.setattr(FlockLocks, "take_run", take_run)
    within_a_hold = [kill for kill in kills(ram / "seen", locks="flock") if kill.when == WHEN[1]][1]
    assert what_the_kills_find(ram, within_a_hold, locks="flock")[Problem.REFUSED]


def what_the_kills_find(root: Path, *killed_at: KillAt, locks: str = "ofd") -> CounterOf[Problem]:
    verdict = Verdict()
    for number, kill in enumerate(killed_at):
        survive(root / str(number), verdict, [kill], locks=locks)
    return verdict.found


@control
def test_the_kills_of_a_repair_notice_that_no_copy_is_kept(monkeypatch, ram):
    monkeypatch.setattr(_repair, "keep_copy", lambda *_, **__: "nowhere")
    verdict = Verdict()
    assert not repair_until_killed(ram, KillAt(1_000, "before"), verdict)
    assert verdict.found[Problem.LOST]
