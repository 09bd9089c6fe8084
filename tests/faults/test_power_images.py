"""Every image of the disk that a power cut may leave, at any moment, also while recovering from one."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from pathlib import Path
from typing import Dict, List, Sequence, Set, Tuple

import attrs
import pytest

from polaris_dsl.errors import NotWritten, StoreError
from polaris_dsl.stores import Fed, FileStore, Line, Put, Started
from tests.faults import worse
from tests.faults.campaign import Campaign, Problem, Verdict, control, some_of, times
from tests.faults.disks import Faults
from tests.faults.platter import Contents, Image, Odometer, Platter, lay_out
from tests.faults.story import ACTS, FLOW, goes_on, judge, rest_again, tell

BELOW = "deep/runs"
STARTED = Started("t", "a", FLOW, "g")
FAILING = ("sync", "sync_folder", "pwrite")


def fed(text: str) -> Fed:
    return Fed("t", (Put("Card", f'"{text}"'),))


@attrs.define
class PowerCuts:
    """Tells the story, and cuts the power whenever what that may leave has become something else."""

    folder: Path
    verdict: Verdict
    most: int
    """How many images are judged each time, at most."""
    again: int = 0
    """One of so many images is recovered under the same scrutiny; 0: none."""
    worsen: worse.WorseDisk = worse.as_it_is
    stick: bool = False
    """Whether what could not be synced sticks to the cache."""
    done: int = 0
    seen: Set[object] = attrs.field(factory=set)
    chance: random.Random = attrs.field(factory=lambda: random.Random(42))

    def tell(self, **coming: int) -> None:
        """Tell the story in an empty directory; the calls of these names fail, after so many that go well."""
        disk = self.folder / "disk"
        disk.mkdir(parents=True)
        self._go_on(disk, **coming)
        shutil.rmtree(str(self.folder))

    def _go_on(self, disk: Path, **coming: int) -> None:
        platter = Platter(disk, look=lambda: self._look(platter), stick=self.stick)
        platter.coming = coming
        store = FileStore(disk / BELOW, _disk=self.worsen(platter.disk))
        rest_again(store.open(FLOW), done=self.done)
        for done in tell(store, done=self.done):
            self.done = done
            self._look(platter)

    def _look(self, platter: Platter) -> None:
        for image in platter.images(most=self.most, chance=self.chance):
            key = self.done, frozenset(image.items())
            if key not in self.seen:
                self.seen.add(key)
                self._judge(image, self.folder / f"image-{len(self.seen)}")

    def _judge(self, image: Image, left: Path) -> None:
        lay_out(image, left)
        judge(FileStore(left / BELOW, durability="process"), self.verdict, done=self.done, power=True)
        if self.again and len(self.seen) % self.again == 0:
            again = attrs.evolve(self, folder=left.with_name(f"{left.name}-again"), again=0, seen=set())
            again.folder.mkdir()
            again._go_on(left)
            shutil.rmtree(str(again.folder))
        else:
            goes_on(FileStore(left / BELOW, durability="process"), self.verdict, done=self.done)
        shutil.rmtree(str(left))


def test_what_was_acknowledged_is_in_every_image(ram, campaign: Campaign):
    with campaign.count("images that a power cut may leave") as verdict:
        PowerCuts(ram / "0", verdict, most=times(200)).tell()


def test_what_was_acknowledged_is_in_every_image_of_a_recovery(ram, campaign: Campaign):
    with campaign.count("images of recovering from such an image") as verdict:
        PowerCuts(ram / "0", verdict, most=times(12), again=13).tell()


def test_what_was_acknowledged_is_in_every_image_where_the_disk_failed_before(ram, campaign: Campaign):
    with campaign.count("images after a write or a sync that failed") as verdict:
        for number, coming in enumerate(some_of(failures(ram / "seen"))):
            PowerCuts(ram / str(number), verdict, most=times(2)).tell(**coming)


def test_what_was_acknowledged_is_in_every_image_where_what_was_not_synced_sticks(ram, campaign: Campaign):
    with campaign.count("images after a sync that failed, as ext4 does it") as verdict:
        for number, coming in enumerate(some_of(failures(ram / "seen", of=("sync",)))):
            PowerCuts(ram / str(number), verdict, most=times(2), stick=True).tell(**coming)


def failures(root: Path, *, of: Sequence[str] = FAILING) -> List[Dict[str, int]]:
    """Return every call of the story that may fail, but not those of its deletion: that may then come back."""
    root.mkdir()
    faults = Faults()
    store = FileStore(root / BELOW, _disk=faults.disk)
    before = Counter(faults.ops)
    faults.ops.clear()
    found: List[Dict[str, int]] = []
    for done in tell(store):
        for name in faults.ops:
            if name in of and ACTS[done - 1].lines:
                found.append({name: before[name]})
            before[name] += 1
        faults.ops.clear()
    return found


def what_is_left_of_a_commit_that_was_taken_back(root: Path, verdict: Verdict, *, most: int) -> None:
    """Let a long commit fail in its middle, commit another in its place, and judge every image on the way."""
    (root / "disk").mkdir(parents=True)
    allowed: List[Tuple[Line, ...]] = [(STARTED,)]

    def look() -> None:
        for image in platter.images(most=most, chance=chance):
            verdict.tried += 1
            left = root / str(verdict.tried)
            lay_out(image, left)
            try:
                found = FileStore(left, durability="process").open(FLOW).load("a")
            except StoreError as error:
                verdict.blame(Problem.REFUSED, error)
            else:
                if found not in allowed:
                    verdict.blame(Problem.LOST if found == (STARTED,) else Problem.SILENT, found)

    chance = random.Random(42)
    FileStore(root / "disk").open(FLOW).append("a", 0, [STARTED])
    platter = Platter(root / "disk", look=look)
    journals = FileStore(root / "disk", _disk=platter.disk).open(FLOW)
    with journals.hold("a"):
        platter.coming = {"pwrite": 0}
        with pytest.raises(NotWritten):
            journals.append("a", 1, [fed("x" * 900), fed("x" * 1_200)])
        allowed.append((STARTED, fed("y" * 1_000)))
        journals.append("a", 1, [fed("y" * 1_000)])
        del allowed[0]
        look()


def test_a_commit_that_was_taken_back_is_in_no_image(ram, campaign: Campaign):
    with campaign.count("images after a commit that was taken back") as verdict:
        what_is_left_of_a_commit_that_was_taken_back(ram, verdict, most=times(200))


# --- negative controls: the images notice ----------------------------------------------------------------------------


@control
@pytest.mark.parametrize(
    "worsen",
    [
        worse.without_sync,
        worse.without_directory_sync,
        worse.without_sync_of_the_directories_above,
        worse.without_sync_of_the_shards,
    ],
)
def test_the_images_notice_a_store(worsen, ram):
    verdict = Verdict()
    PowerCuts(ram / "0", verdict, most=4, worsen=worsen).tell()
    assert verdict.found[Problem.LOST] or verdict.found[Problem.SILENT]


@control
@pytest.mark.parametrize(
    ("worsen", "failing"),
    [
        (worse.without_writing_once_more, "sync"),
        (worse.without_a_sync_between_commits, None),
        (worse.without_taking_commits_as_a_whole, None),
        (worse.without_knowing_what_a_power_cut_leaves, None),
    ],
)
def test_the_images_notice_a_journal(worsen, failing, ram, monkeypatch):
    comings = failures(ram / "seen", of=(failing,)) if failing else [{}]
    worsen(monkeypatch)
    verdict = Verdict()
    for number, coming in enumerate(comings):
        PowerCuts(ram / str(number), verdict, most=50 if failing is None else 10).tell(**coming)
        if verdict.bad:
            return
    raise AssertionError("nothing was noticed")


@control
def test_the_images_notice_a_cache_that_is_not_forgotten(ram):
    verdict = Verdict()
    for number, coming in enumerate(failures(ram / "seen", of=("sync",))):
        PowerCuts(ram / str(number), verdict, most=10, stick=True, worsen=worse.without_forgetting).tell(**coming)
        if verdict.bad:
            return
    raise AssertionError("nothing was noticed")


@control
def test_the_images_notice_that_what_is_taken_back_is_not_synced(ram, monkeypatch):
    worse.without_a_sync_of_what_is_taken_back(monkeypatch)
    verdict = Verdict()
    what_is_left_of_a_commit_that_was_taken_back(ram, verdict, most=200)
    assert verdict.bad


# --- the images themselves -------------------------------------------------------------------------------------------


def lefts(contents: Contents) -> Set[bytes]:
    odometer = Odometer()
    return {contents.left(odometer.choose) for _ in odometer}


def test_an_overwrite_never_makes_a_file_shorter():
    contents = Contents()
    contents.write(0, b"a" * 1_500)
    contents.sync()
    contents.write(100, b"b" * 500)
    assert len(lefts(contents)) == 4
    assert {len(left) for left in lefts(contents)} == {1_500}


def test_what_was_written_and_not_synced_is_left_in_any_part():
    contents = Contents()
    contents.write(0, b"a" * 600)
    sizes, begins = {0, 600}, {b"", b"\0" * 600, b"a" * 600, b"a" * 512 + b"\0" * 88, b"\0" * 512 + b"a" * 88}
    assert lefts(contents) == begins
    assert {len(left) for left in lefts(contents)} == sizes
    contents.sync()
    assert lefts(contents) == {b"a" * 600}


def test_what_failed_to_be_synced_may_be_lost_until_it_is_written_again():
    contents = Contents()
    contents.write(0, b"a")
    contents.fail_to_sync()
    contents.sync()
    assert lefts(contents) == {b"\0", b"a"}
    contents.write(0, b"a")
    contents.sync()
    assert lefts(contents) == {b"a"}


def test_what_sticks_to_the_cache_is_written_once_it_was_forgotten():
    contents = Contents()
    contents.write(0, b"a")
    contents.fail_to_sync(stick=True)
    contents.write(0, b"a")
    contents.sync()
    assert lefts(contents) == {b"\0", b"a"}
    contents.forget(lambda _: 0)
    assert contents.now == b"\0"
    contents.write(0, b"a")
    contents.sync()
    assert lefts(contents) == {b"a"}


def test_a_file_that_is_cut_may_be_as_long_as_before():
    contents = Contents()
    contents.write(0, b"ab")
    contents.sync()
    contents.truncate(1)
    assert lefts(contents) == {b"a", b"ab", b"a\0"}
