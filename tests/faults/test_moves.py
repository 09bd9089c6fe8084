"""A run that is moved into another store is whole in one of the two, whatever happens on the way."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Optional

import pytest

from polaris_dsl.errors import StoreError
from polaris_dsl.stores import FileStore
from polaris_dsl.stores._disk import Disk
from tests.faults import worse
from tests.faults.campaign import Campaign, Problem, Verdict, control, times
from tests.faults.disks import KillAt, disk_with
from tests.faults.platter import Platter, lay_out
from tests.faults.processes import Doomed
from tests.faults.story import FLOW, STATES, Lines, found_of
from tests.faults.test_kills import WHEN

RUN = "a"
LINES = STATES[RUN][-1] or ()
ALL_OR_NONE = (None, LINES)
MOST_CALLS = 100


def store(root: Path, *, disk: Optional[Disk] = None) -> FileStore:
    return FileStore(root, durability="process" if disk is None else "power", _disk=disk)


def begin(root: Path) -> None:
    """Make the run, and a store to move it into."""
    journals = FileStore(root / "here").open(FLOW)
    for n in range(len(LINES)):
        journals.append(RUN, n, LINES[n : n + 1])
    FileStore(root / "there")


def move(root: Path, *, disk: Optional[Disk] = None) -> None:
    store(root / "here", disk=disk).move(RUN, workflow=FLOW, into=store(root / "there", disk=disk))


def found(root: Path, where: str) -> Optional[Lines]:
    return found_of(store(root / where).open(FLOW), RUN)


def judge(root: Path, verdict: Verdict, *, moved: bool) -> None:
    """See that the run is where it must be, and move it to the end."""
    verdict.tried += 1
    try:
        here, there = found(root, "here"), found(root, "there")
        if there not in ALL_OR_NONE or here not in ALL_OR_NONE:
            verdict.blame(Problem.SILENT, f"here: {here}, there: {there}")
        elif there is None and (moved or here is None):
            verdict.blame(Problem.LOST, f"here: {here}, there: {there}")
        if here is not None:
            move(root)
        if (found(root, "here"), found(root, "there")) != (None, LINES):
            verdict.blame(Problem.LOST, "moved to its end, it was not there")
    except StoreError as error:
        verdict.blame(Problem.REFUSED, error)


def kill_at_every_call(root: Path, verdict: Verdict) -> None:
    for when in WHEN:
        for number in range(MOST_CALLS):
            if verdict.bad:
                return
            folder = root / f"{when}-{number}"
            begin(folder)
            disk = disk_with(KillAt(number, when))
            if Doomed(lambda _: move(folder, disk=disk)).bury().ended:  # noqa: B023  forked at once
                break
            judge(folder, verdict, moved=False)
        else:
            pytest.fail("it never ended")


def cut_the_power(root: Path, verdict: Verdict, *, most: int, worsen: worse.WorseDisk = worse.as_it_is) -> None:
    disk = root / "disk"
    disk.mkdir()
    begin(disk)
    moved = False

    def look() -> None:
        for image in platter.images(most=most, chance=chance):
            left = root / f"image-{verdict.tried}"
            lay_out(image, left)
            judge(left, verdict, moved=moved)

    chance = random.Random(42)
    platter = Platter(disk, look=look)
    move(disk, disk=worsen(platter.disk))
    moved = True
    look()


def test_a_move_that_is_killed_at_any_call_leaves_the_run_in_one_of_the_stores(ram, campaign: Campaign):
    with campaign.count("SIGKILL at every call of a move") as verdict:
        kill_at_every_call(ram, verdict)


def test_a_power_cut_leaves_a_run_that_is_moved_in_one_of_the_stores(ram, campaign: Campaign):
    with campaign.count("images that a power cut may leave of a move") as verdict:
        cut_the_power(ram, verdict, most=times(40))


@control
@pytest.mark.parametrize("worsen", [worse.without_sync, worse.without_directory_sync])
def test_the_images_of_a_move_notice_a_store(worsen, ram):
    verdict = Verdict()
    cut_the_power(ram, verdict, most=40, worsen=worsen)
    assert verdict.bad


@control
def test_the_kills_of_a_move_notice_that_it_removes_first(ram, monkeypatch):
    def move_first_removed(self: FileStore, run: str, *, workflow: str, into: FileStore) -> None:
        journals = self.open(workflow)
        lines = journals.load(run)
        journals.delete(run)
        into.open(workflow).append(run, 0, lines)

    monkeypatch.setattr(FileStore, "move", move_first_removed)
    verdict = Verdict()
    kill_at_every_call(ram, verdict)
    assert verdict.found[Problem.LOST]
