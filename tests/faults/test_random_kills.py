"""SIGKILL at any time, to two processes that work on the same runs, again and again."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Callable, List

import attrs
import pytest
from typing_extensions import Literal

from polaris_dsl.stores import FileStore
from polaris_dsl.stores._disk import system_disk
from tests.faults import worse
from tests.faults.campaign import Campaign, Problem, Verdict, control, times
from tests.faults.counting import judge_counts, work
from tests.faults.disks import chopped
from tests.faults.processes import Doomed, Say
from tests.faults.test_kills import LOCKS

TOGETHER = 2
PER_RUN = 50
"""So many kills see the same runs: journals that grow for ever only take time."""
PATIENCE_S = 20


def worker(root: Path, number: int, *, locks: str, early: bool) -> Callable[[Say], None]:
    """Return the work of one process, which may write in small pieces, so that kills find half commits."""
    chance = random.Random(-number)
    disk = attrs.evolve(system_disk(""), pwrite=chopped) if chance.random() < 0.7 else None
    runs = [f"{number // PER_RUN}-{run}" for run in range(4)]
    durability: Literal["power", "process"] = "power" if chance.random() < 0.5 else "process"

    def works(say: Say) -> None:
        store = FileStore(root, durability=durability, _disk=disk, _locks=LOCKS[locks])
        work(store, say, who=number, runs=runs, early=early)

    return works


def kill_at_random(root: Path, verdict: Verdict, *, kills: int, locks: str = "ofd", early: bool = False) -> None:
    """Kill so many processes, and judge what was acknowledged to them."""
    chance = random.Random(7)
    acknowledged: List[str] = []
    while verdict.tried < kills:
        doomed = [Doomed(worker(root, verdict.tried + n, locks=locks, early=early)) for n in range(TOGETHER)]
        if chance.random() < 0.8:  # the others may be killed while they recover
            doomed[0].wait_for_a_word(wait_s=PATIENCE_S)
        for one in chance.sample(doomed, len(doomed)):
            time.sleep(chance.random() * 0.015)
            one.kill()
        for one in doomed:
            acknowledged += one.bury().lines
        verdict.tried += len(doomed)
    assert len(acknowledged) > kills
    judge_counts(FileStore(root, durability="process", _locks=LOCKS[locks]), verdict, acknowledged)


@pytest.mark.parametrize(("locks", "kills"), [("ofd", 150), ("flock", 30)])
def test_what_was_acknowledged_survives_kills_at_any_time(locks, kills, ram, campaign: Campaign):
    with campaign.count(f"SIGKILL at random, two at work, {locks} locks") as verdict:
        kill_at_random(ram, verdict, kills=times(kills, at_least=20), locks=locks)


# --- negative controls: the kills notice -----------------------------------------------------------------------------


@control
def test_the_kills_notice_a_worker_that_acknowledges_too_early(ram):
    verdict = Verdict()
    kill_at_random(ram, verdict, kills=30, early=True)
    assert verdict.found[Problem.LOST]


@control
def test_the_kills_notice_a_store_that_takes_any_line_for_the_expected_one(ram, monkeypatch):
    worse.without_comparing_before_appending(monkeypatch)
    verdict = Verdict()
    kill_at_random(ram, verdict, kills=30)
    assert verdict.found[Problem.DOUBLED]
