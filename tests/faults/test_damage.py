"""A journal of the payments example, damaged in every small way: cut anywhere, any bit flipped, lines moved about."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import random
import zlib
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Callable, Iterable, Iterator, List, Optional, Sequence, Set, Tuple

import attrs
import pytest

from examples.payments.checkout import place
from examples.payments.later import deliver
from examples.payments.orders import CardOrder, NetbankingOrder, Order, read_orders
from examples.payments.shop import open_shop
from polaris_dsl import BuilderError, FileStore
from polaris_dsl.errors import StoreError, UnknownRun
from polaris_dsl.stores import Line, Rested, _journal, _scan
from polaris_dsl.stores._file import FileJournals
from polaris_dsl.stores._journal import Entry, read
from tests.faults import worse
from tests.faults.campaign import Campaign, Problem, Verdict, control, some_of
from tests.faults.disks import in_memory

FLOW = "card-payment"
BITS = 8
Lines = Tuple[Line, ...]
MORE = Rested("2026-03-01T09:30:00Z", "paused")


@attrs.frozen
class Journal:
    """A journal on disk, what it holds, and the journals of other runs."""

    path: Path
    run: str
    journals: FileJournals
    data: bytes
    lines: Lines
    written: Lines
    """The lines of this and of another run, one of which a listing may show: it verifies no more than the last line."""
    like: bytes
    """The journal of that other run of the same workflow."""
    unlike: bytes
    """The journal of a run of another workflow."""

    def whole(self, size: int, /) -> Lines:
        """Return the lines of the commits that end within the first `size` bytes."""
        whole = 0
        for number, raw in enumerate(self.data[:size].splitlines(keepends=True), 1):
            part, parts = json.loads(raw).get("part", (1, 1)) if raw.endswith(b"\n") else (0, 1)
            whole = number if part == parts else whole
        return self.lines[:whole]

    def judge(self, verdict: Verdict, *, allowed: Optional[Lines] = None, what: object) -> None:
        """Read what lies there now: the lines that are allowed, or (None) nothing but a refusal."""
        verdict.tried += 1
        try:
            found: Lines = self.journals.load(self.run)
        except UnknownRun:
            found = ()
        except StoreError as error:
            if allowed is not None:
                verdict.blame(Problem.REFUSED, f"{what}: {error}")
            return
        if found != allowed:
            verdict.blame(Problem.SILENT, f"{what}: {len(found)} lines were read")

    def judge_all(self, verdict: Verdict, *, what: object) -> None:
        """See that damage is refused also to those who list, hold and append, and left as it is."""
        damaged = self.path.read_bytes()

        def hold() -> None:
            with self.journals.hold(self.run, wait_s=0):
                pass

        for call in (hold, lambda: self.journals.append(self.run, len(self.lines), [MORE])):
            with suppress(StoreError):
                call()
                verdict.blame(Problem.SILENT, f"{what}: it was held, or appended to")
        with suppress(StoreError):
            listed = dict(self.journals.runs()).get(self.run)
            if listed is not None and listed not in self.written:
                verdict.blame(Problem.SILENT, f"{what}: it was listed with {listed}")
        if not self.path.exists() or self.path.read_bytes() != damaged:
            verdict.blame(Problem.SILENT, f"{what}: it was written to")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journal]:
    with in_memory(otherwise=tmp_path_factory.mktemp("payments")) as folder:
        yield make(folder)


def make(folder: Path) -> Journal:
    cards = [order for order in read_orders() if isinstance(order, CardOrder) and len(order.otps) == 1]
    orders: List[Order] = [*cards[:2], next(order for order in read_orders() if isinstance(order, NetbankingOrder))]
    with open_shop(folder) as shop:
        for order in orders:
            persist(partial(place, shop, order))
            persist(partial(deliver, shop, order))
    path, like, unlike = (next(folder.rglob(f"*-{order.id}.jsonl")) for order in orders)
    journals = FileStore(folder / "runs", durability="process").open(FLOW)
    run, other = (order.id for order in cards[:2])
    lines = journals.load(run)
    return Journal(
        path=path,
        run=run,
        journals=journals,
        data=path.read_bytes(),
        lines=lines,
        written=lines + journals.load(other),
        like=like.read_bytes(),
        unlike=unlike.read_bytes(),
    )


def persist(act: Callable[[], object]) -> None:
    for _ in range(10):
        with suppress(BuilderError):
            act()
            return
    raise AssertionError("it failed in every round")


@pytest.fixture
def journal(made: Journal) -> Iterator[Journal]:
    yield made
    made.path.write_bytes(made.data)


# --- truncations -----------------------------------------------------------------------------------------------------


def truncate(journal: Journal, verdict: Verdict) -> None:
    """Cut it at every byte, read it, hold it, append to it."""
    for size in some_of(range(len(journal.data) + 1)):
        journal.path.write_bytes(journal.data[:size])
        whole = journal.whole(size)
        journal.judge(verdict, allowed=whole, what=f"cut at byte {size}")
        if not whole:
            continue
        with journal.journals.hold(journal.run, wait_s=0):
            if journal.journals.append(journal.run, len(whole), [MORE]):
                verdict.blame(Problem.SILENT, f"cut at byte {size}: there was more than was read")
        journal.judge(verdict, allowed=(*whole, MORE), what=f"cut at byte {size}, and gone on with")
        verdict.tried -= 1


def test_every_truncation_reads_as_the_whole_commits_before_it(journal, campaign: Campaign):
    with campaign.count("every truncation of a journal") as verdict:
        truncate(journal, verdict)


# --- bits ------------------------------------------------------------------------------------------------------------


def flip(journal: Journal, verdict: Verdict, *, places: Sequence[int]) -> None:
    """Flip every bit of each of these bytes; one flip of each is shown to all who may read."""
    fd = os.open(str(journal.path), os.O_WRONLY)
    try:
        for at, bit in itertools.product(places, range(BITS)):
            os.pwrite(fd, bytes([journal.data[at] ^ 1 << bit]), at)
            journal.judge(verdict, what=f"bit {bit} of byte {at}")
            if bit == at % BITS:
                journal.judge_all(verdict, what=f"bit {bit} of byte {at}")
            if bit == BITS - 1:
                os.pwrite(fd, journal.data[at : at + 1], at)
    finally:
        os.close(fd)


def test_every_flip_of_a_bit_is_refused(journal, campaign: Campaign):
    with campaign.count("every single-bit flip of a journal") as verdict:
        flip(journal, verdict, places=some_of(range(len(journal.data))))


# --- lines -----------------------------------------------------------------------------------------------------------


def surgery(journal: Journal) -> Iterator[Tuple[str, bytes, Optional[Lines]]]:
    """Yield what was done, what comes of it, and which lines may be read from that (None: it must be refused)."""
    lines = journal.data.splitlines(keepends=True)
    others = journal.like.splitlines(keepends=True)
    for n, line in enumerate(lines):
        last = n == len(lines) - 1
        yield f"line {n} deleted", b"".join(lines[:n] + lines[n + 1 :]), journal.lines[:-1] if last else None
        for copies in (2, 3):
            yield f"line {n}, {copies} times", b"".join(lines[:n] + [line] * copies + lines[n + 1 :]), None
        for other in range(n):
            moved = lines.copy()
            moved[n], moved[other] = moved[other], moved[n]
            yield f"lines {n} and {other} swapped", b"".join(moved), None
            yield f"line {n} again at {other}", b"".join([*lines[:other], line, *lines[other:]]), None
        for number, stranger in enumerate(others):
            yield f"line {number} of another for {n}", b"".join([*lines[:n], stranger, *lines[n + 1 :]]), None
            yield f"line {number} of another at {n}", b"".join([*lines[:n], stranger, *lines[n:]]), None
        for name, changed in (
            ("empty", b"\n"),
            ("DOS", line[:-1] + b"\r\n"),
            ("forged", line.replace(b"202", b"201", 1)),
        ):
            yield f"line {n} {name}", b"".join([*lines[:n], changed, *lines[n + 1 :]]), None
        if not last:
            yield f"line {n} joined", b"".join([*lines[:n], line[:-1], *lines[n + 1 :]]), None


def strangers(journal: Journal) -> Iterator[Tuple[str, bytes, Optional[Lines]]]:
    """Yield what may lie in the place of a journal, or before or behind it."""
    data = journal.data
    chance = random.Random(7)
    yield "the journal of another run", journal.like, None
    yield "the journal of another workflow", journal.unlike, None
    yield "two journals", data + journal.like, None
    yield "itself, twice", data + data, None
    yield "a mark before it", b"\xef\xbb\xbf" + data, None
    yield "an empty line before it", b"\n" + data, None
    yield "an empty line behind it", data + b"\n", None
    yield "text", b"Dear Sir or Madam,\n", None
    yield "JSON", b"{}\n", None
    yield "noise", bytes(chance.randrange(256) for _ in range(5_000)) + b"\n", None
    yield "compressed", zlib.compress(data) + b"\n", None
    yield "in another code", data.decode().encode("utf-16"), None
    yield "nothing", b"", ()
    yield "a sector of nothing behind it", data + bytes(512), journal.lines
    last = data.rindex(b"\n", 0, -1) + 1
    for at in range(0, last - 512, 64):
        yield f"a sector at byte {at} lost", data[:at] + bytes(512) + data[at + 512 :], None
        yield f"a sector at byte {at} cut out", data[:at] + data[at + 512 :], None


def operate(journal: Journal, verdict: Verdict, cases: Iterable[Tuple[str, bytes, Optional[Lines]]]) -> None:
    for what, data, allowed in cases:
        if data == journal.data:
            continue
        journal.path.write_bytes(data)
        journal.judge(verdict, allowed=allowed, what=what)
        if allowed is None:
            journal.judge_all(verdict, what=what)


def test_lines_that_were_deleted_doubled_moved_or_brought_from_elsewhere_are_refused(journal, campaign: Campaign):
    with campaign.count("lines deleted, doubled, moved, forged, of other runs") as verdict:
        operate(journal, verdict, some_of(list(surgery(journal))))


def test_files_that_are_no_journal_of_this_run_are_refused(journal, campaign: Campaign):
    with campaign.count("foreign files, lost sectors") as verdict:
        operate(journal, verdict, strangers(journal))


# --- negative controls: the damage is seen by what is there for it ---------------------------------------------------


def without_the_chain(patch: pytest.MonkeyPatch) -> None:
    def unsealed(raw: bytes, *, h: bytes) -> Optional[Entry]:
        body = raw.rpartition(b',"h":')[0]
        return read(body + b',"h":"%b"}' % hashlib.blake2b(h + body + b"}", digest_size=8).hexdigest().encode(), h=h)

    patch.setattr(_scan, "read", unsealed)


def without_the_link_to_the_line_before(patch: pytest.MonkeyPatch) -> None:
    """Each line is sealed, with whatever line before it."""
    links: Set[bytes] = set()

    def unchained(raw: bytes, *, h: bytes) -> Optional[Entry]:
        return next(filter(None, (read(raw, h=link) for link in (h, *links))), None)

    def link_of(raw: bytes) -> bytes:
        links.add(_journal.link_of(raw))
        return _journal.link_of(raw)

    patch.setattr(_scan, "read", unchained)
    patch.setattr(_scan, "link_of", link_of)


def flip_some(journal: Journal, verdict: Verdict) -> None:
    flip(journal, verdict, places=[*range(0, len(journal.data), 50), len(journal.data) - 1])


def cut_lines(journal: Journal, verdict: Verdict) -> None:
    operate(journal, verdict, surgery(journal))


def bring_strangers(journal: Journal, verdict: Verdict) -> None:
    operate(journal, verdict, strangers(journal))


@control
@pytest.mark.parametrize(
    ("worsen", "harm"),
    [
        (worse.without_taking_commits_as_a_whole, truncate),
        (without_the_chain, flip_some),
        (worse.without_a_look_at_the_last_newline, flip_some),
        (without_the_link_to_the_line_before, cut_lines),
        (without_the_chain, bring_strangers),
        (worse.taking_all_for_a_power_cut, bring_strangers),
    ],
)
def test_the_damage_is_read_by_a_store(worsen, harm, journal, monkeypatch):
    worsen(monkeypatch)
    verdict = Verdict()
    harm(journal, verdict)
    assert verdict.found[Problem.SILENT]
