"""The power of a real file system is cut while processes work on it."""

from __future__ import annotations

import random
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import List

import pytest

from polaris_dsl.errors import StoreError
from polaris_dsl.stores import FileStore
from polaris_dsl.stores._disk import system_disk
from tests.faults import worse
from tests.faults.campaign import Campaign, Problem, Verdict, control, times
from tests.faults.counting import judge_counts, work
from tests.faults.processes import Doomed, Say
from tests.faults.volumes import CUTS, KINDS, Volume, volume

TOGETHER = 2
PER_STORE = 10
"""So many cuts see the same store: journals that grow for ever only take time."""
PATIENCE_S = 20


def cut(made: Volume, verdict: Verdict, *, cuts: int, disk_worse: worse.WorseDisk = worse.as_it_is) -> None:
    """Cut the power so many times, start again, and judge what is left."""
    chance = random.Random(7)
    acknowledged: List[str] = []

    def works(who: int, say: Say) -> None:
        with suppress(StoreError):  # from the cut on, nothing works
            work(FileStore(root, _disk=disk_worse(system_disk(""))), say, who=who, runs="abcd")

    while verdict.tried < cuts:
        if verdict.tried % PER_STORE == 0:
            acknowledged.clear()
        root = made.at / str(verdict.tried // PER_STORE)
        doomed = [Doomed(partial(works, TOGETHER * verdict.tried + n)) for n in range(TOGETHER)]
        doomed[0].wait_for_a_word(wait_s=PATIENCE_S)
        time.sleep(chance.random() * 0.02)
        for one in doomed:
            # What is told after the cut counts for nothing: who has no power does not hear it.
            acknowledged += one.so_far()
        made.cut_power(chance.choice(CUTS))
        for one in doomed:
            one.kill()
            one.bury()
        made.start_again()
        verdict.tried += 1
        judge_counts(FileStore(root), verdict, acknowledged)
    assert acknowledged


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_acknowledged_survives_power_cuts(kind, ram: Path, campaign: Campaign):
    with volume(kind, ram) as made, campaign.count(f"power cuts, {kind}") as verdict:
        cut(made, verdict, cuts=times(30, at_least=5))


@control
@pytest.mark.parametrize("kind", KINDS)
def test_the_power_cuts_notice_a_store_without_sync(kind, ram: Path):
    verdict = Verdict()
    with volume(kind, ram) as made:
        cut(made, verdict, cuts=5, disk_worse=worse.without_sync)
    assert verdict.found[Problem.LOST]
