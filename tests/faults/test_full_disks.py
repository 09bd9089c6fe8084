"""Real file systems that are full, and real devices that cannot write."""

from __future__ import annotations

import os
import random
from contextlib import ExitStack, nullcontext, suppress
from pathlib import Path
from typing import List, Sequence

import pytest

from polaris_dsl.errors import CommitUnknown, NotWritten, StoreError, UnsafeStore
from polaris_dsl.stores import FileStore
from polaris_dsl.stores._disk import system_disk
from polaris_dsl.stores._file import FileJournals
from tests.faults import worse
from tests.faults.campaign import Campaign, Problem, Verdict, control, times
from tests.faults.counting import FLOW, count_on, judge_counts
from tests.faults.volumes import KINDS, fill, tiny, volume

ROOM = 40 << 10
BACKING = {"ext4": 20 << 20, "xfs": 100 << 20}
"""Less than what the file system believes to have."""


def count_until_it_fails(
    journals: FileJournals, acknowledged: List[str], chance: random.Random, *, sizes: Sequence[int]
) -> StoreError:
    """Count on in old and new runs, in commits of these sizes, until that fails; return how it was told."""
    for number in range(5_000):
        run = str(chance.randrange(number + 1))
        try:
            with journals.hold(run) if chance.random() < 0.5 else nullcontext():
                acknowledged += count_on(journals, run, who=number, times=2, size=chance.choice(sizes))
        except StoreError as error:
            return error
    raise AssertionError("it never failed")


# --- no space left ---------------------------------------------------------------------------------------------------


def run_out_of_space(at: Path, verdict: Verdict, *, rounds: int) -> None:
    """Fill the file system again and again, judge what is there, and make a little room."""
    filler, root = at / "filler", at / "runs"
    chance = random.Random(7)
    acknowledged: List[str] = []
    journals = FileStore(root).open(FLOW)
    fill(filler, leave=ROOM)
    for _ in range(rounds):
        error = count_until_it_fails(journals, acknowledged, chance, sizes=(10, 3_000))
        verdict.tried += 1
        if not isinstance(error, (NotWritten, CommitUnknown, UnsafeStore)):
            verdict.blame(Problem.REFUSED, error)
        if isinstance(error, NotWritten) and any(torn(path) for path in root.rglob("*.jsonl")):
            verdict.blame(Problem.SILENT, "something is left of what was not written")
        os.truncate(str(filler), max(0, filler.stat().st_size - ROOM // 2))
        judge_counts(FileStore(root), verdict, acknowledged)


def torn(journal: Path) -> bool:
    return not (b"\n" + journal.read_bytes()).endswith(b"\n")


@pytest.mark.parametrize("kind", ["tmpfs", *KINDS])
def test_a_full_file_system_keeps_what_was_acknowledged_and_nothing_else(kind, ram, campaign: Campaign):
    with ExitStack() as stack:
        at = (
            stack.enter_context(tiny(ram, size=1 << 20))
            if kind == "tmpfs"
            else stack.enter_context(volume(kind, ram)).at
        )
        with campaign.count(f"no space left, {kind}") as verdict:
            run_out_of_space(at, verdict, rounds=min(times(20, at_least=3), 60))


@control
def test_the_full_file_system_notices_that_nothing_is_taken_back(ram, monkeypatch):
    worse.without_taking_back(monkeypatch)
    verdict = Verdict()
    with tiny(ram, size=1 << 20) as at:
        run_out_of_space(at, verdict, rounds=10)
    assert verdict.found[Problem.SILENT]


# --- a device that cannot write --------------------------------------------------------------------------------------


def fail_to_sync(
    kind: str, folder: Path, verdict: Verdict, *, rounds: int, disk_worse: worse.WorseDisk = worse.as_it_is
) -> None:
    """Let the device run out of space, of which its file system knows nothing: writing goes well, syncing fails.

    Each journal keeps within one page, for a loop device calls it a success when it has written some pages of several.
    """
    chance = random.Random(7)
    with tiny(folder, size=BACKING[kind]) as backing, volume(kind, backing) as made:
        filler = backing / "filler"
        for number in range(rounds):
            root = made.at / f"runs-{number}"
            acknowledged: List[str] = []
            journals = FileStore(root, _disk=disk_worse(system_disk(""))).open(FLOW)
            fill(filler)
            error = count_until_it_fails(journals, acknowledged, chance, sizes=(10,))
            filler.unlink()
            verdict.tried += isinstance(error, CommitUnknown)
            with suppress(StoreError):  # ext4 may be read only by now
                for run in map(str, range(20)):
                    acknowledged += count_on(journals, run, who="after")
            made.start_again()
            judge_counts(FileStore(root), verdict, acknowledged)


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_acknowledged_survives_a_device_that_cannot_write(kind, ram, campaign: Campaign):
    with campaign.count(f"a device that cannot write, {kind}") as verdict:
        fail_to_sync(kind, ram, verdict, rounds=min(times(10, at_least=2), 60))


@control
def test_the_device_notices_a_cache_that_is_not_forgotten(ram):
    verdict = Verdict()
    fail_to_sync("ext4", ram, verdict, rounds=2, disk_worse=worse.without_forgetting)
    assert verdict.found[Problem.LOST]
