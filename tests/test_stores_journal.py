"""The bytes of a journal: exact, chained, and never read as anything else than what was written."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Dict, Iterator, List, Optional, Sequence, Tuple, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polaris_dsl._drafts import built_line
from polaris_dsl.stores import (
    Built,
    Failed,
    Fed,
    Intended,
    Line,
    Postponed,
    Put,
    Released,
    Rested,
    Started,
    _lines,
    _scan,
)
from polaris_dsl.stores._journal import Entry, Tip, read, start, write
from polaris_dsl.stores._scan import SECTOR, scan

AT = "2026-03-01T09:30:00.125Z"
RUN = "order-42"
COMMITS: List[List[Line]] = [
    [
        Started(AT, RUN, "payments", "4f1d"),
        Fed(AT, (Put("Card", '{"no":"4000","ok":true}'), Put("Note", r'"\"]é\\n"'))),
    ],
    [Built(AT, "encrypt", {"Card": 2}, (Put("Token", '{"rate":1.0e5}'),), ("Note",))],
    [Built(AT, "remind", {"Card": 2, "Note": 2}), Built(AT, "score", {})],
    [Failed(AT, "pay", {"Token": 3}, "GatewayTimeout", "shop/bank.py:41")],
    [Rested(AT, "failed")],
]
GOLDEN = r"""
{"n":1,"at":"2026-03-01T09:30:00.125Z","op":"run","fmt":1,"run":"order-42","flow":"payments","graph":"4f1d","part":[1,2],"h":"2c57c81b0e9da0e7"}
{"n":2,"at":"2026-03-01T09:30:00.125Z","op":"feed","put":[["Card",{"no":"4000","ok":true}],["Note","\"]é\\n"]],"part":[2,2],"h":"21d16794da08a90d"}
{"n":3,"at":"2026-03-01T09:30:00.125Z","op":"built","by":"encrypt","in":{"Card":2},"put":[["Token",{"rate":1.0e5}]],"kept":["Note"],"h":"eacb40d01076ffb4"}
{"n":4,"at":"2026-03-01T09:30:00.125Z","op":"built","by":"remind","in":{"Card":2,"Note":2},"put":[],"part":[1,2],"h":"67bdad0ad3f4f382"}
{"n":5,"at":"2026-03-01T09:30:00.125Z","op":"built","by":"score","in":{},"put":[],"part":[2,2],"h":"f42f5dfb7c9feca0"}
{"n":6,"at":"2026-03-01T09:30:00.125Z","op":"failed","by":"pay","in":{"Token":3},"err":{"type":"GatewayTimeout","at":"shop/bank.py:41"},"h":"56c85fc7cbdaa992"}
{"n":7,"at":"2026-03-01T09:30:00.125Z","op":"rest","status":"failed","h":"337f698da7aff0c7"}
""".lstrip()


def written(commits: Sequence[Sequence[Line]] = COMMITS, run: str = RUN) -> Tuple[bytes, List[Tip]]:
    """Return a journal, and the tip behind each of its commits, with the empty one first."""
    data, tips = b"", [start(run)]
    for lines in commits:
        more, tip = write(lines, behind=tips[-1])
        data += more
        tips.append(tip)
    return data, tips


def lines_of(commits: Sequence[Sequence[Line]]) -> Tuple[Line, ...]:
    return tuple(line for lines in commits for line in lines)


# --- writing and reading ---------------------------------------------------------------------------------------------


def test_a_journal_is_written_byte_by_byte_as_documented():
    assert written()[0].decode() == GOLDEN


def test_the_page_on_durability_names_every_line_and_all_that_it_holds():
    puts, inputs = (Put("Card", "1"),), {"Card": 2}
    lines: List[Line] = [  # each with all that it can hold
        Started(AT, RUN, "payments", "4f1d"),
        Fed(AT, puts, ("Cvv",)),
        Built(AT, "pay", inputs, puts, ("Note",), ("Cvv",)),
        Intended(AT, "pay", inputs),
        Released(AT, "pay", inputs),
        Postponed(AT, "pay", inputs, AT),
        Failed(AT, "pay", inputs, "GatewayTimeout", "shop/bank.py:41", 1),
        Rested(AT, "paused", AT),
    ]
    assert {type(line) for line in lines} == set(get_args(Line))
    page = (Path(__file__).parent.parent / "docs" / "durability.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (.+)$", page, re.MULTILINE)
    of_every_line = {"n", "at", "op", "part", "h"}
    fields = [json.loads(row) for row in written([lines])[0].splitlines()]
    told = {op: set(re.findall("`([a-z]+)`", row)) for op, row in rows}
    assert told == {one["op"]: one.keys() - of_every_line for one in fields}


def test_each_line_is_json_and_sealed_with_the_line_before_it():
    h = hashlib.blake2b(b"polaris1\0" + RUN.encode(), digest_size=8).hexdigest()
    for number, line in enumerate(written()[0].decode().splitlines(), 1):
        fields = json.loads(line)
        body, _, _ = line.rpartition(',"h":')
        h = hashlib.blake2b((h + body + "}").encode(), digest_size=8).hexdigest()
        assert (fields["n"], fields["h"]) == (number, h)


def test_a_journal_is_read_back_whole_and_from_every_commit_on():
    data, tips = written()
    for done, tip in enumerate(tips):
        found = scan(data[tip.size :], RUN, behind=tip)
        assert (found.lines, found.tip, found.torn, found.damage) == (lines_of(COMMITS[done:]), tips[-1], 0, None)


@given(by=st.text(), took=st.dictionaries(st.text(), st.integers(0, 3)), name=st.none() | st.text(), kept=st.booleans())
def test_a_draft_is_written_as_the_line_that_would_be_made_of_it(
    by: str, took: Dict[str, int], name: Optional[str], *, kept: bool
) -> None:
    call = SimpleNamespace(name=by, waits_for_names=tuple(took))
    draft = (built_line, 1709208000.25, call, tuple(took.values()), name, '{"cents":5}', kept)
    assert write([draft], behind=start(RUN)) == write([_lines.written(draft)], behind=start(RUN))


def test_a_lone_surrogate_in_a_file_name_is_kept():
    line = Failed(AT, "pay", {}, "OSError", "shop/\udcff.py:1")
    data, _ = written([COMMITS[0], [line]])
    assert scan(data, RUN).lines[-1] == line
    assert json.loads(data.splitlines()[-1])["err"]["at"] == line.place


def test_a_body_of_several_lines_is_not_written():
    with pytest.raises(ValueError, match="one line"):
        write([Fed(AT, (Put("Card", '{\n"no":"4000"}'),))], behind=start(RUN))


# --- damage ----------------------------------------------------------------------------------------------------------


def test_every_truncation_reads_as_the_whole_commits_before_it():
    data, tips = written()
    for size in range(len(data) + 1):
        done = max(n for n, tip in enumerate(tips) if tip.size <= size)
        found = scan(data[:size], RUN)
        assert (found.lines, found.tip, found.damage) == (lines_of(COMMITS[:done]), tips[done], None), size
        assert found.torn == size - tips[done].size


def test_every_flip_of_a_bit_is_refused_where_it_is():
    data, _ = written()
    begins = [0, *(at + 1 for at, byte in enumerate(data) if byte == 0x0A)]
    for at in range(len(data)):
        line = max(n for n, begin in enumerate(begins) if begin <= at)
        for bit in range(8):
            flipped = bytearray(data)
            flipped[at] ^= 1 << bit
            damage = scan(bytes(flipped), RUN).damage
            assert damage is not None, (at, bit)
            assert (damage.line, damage.byte) == (line + 1, begins[line]), (at, bit)


def test_lines_that_were_deleted_doubled_swapped_or_changed_are_refused():
    lines = written()[0].splitlines(keepends=True)
    for n in range(len(lines)):
        deleted = lines[:n] + lines[n + 1 :]
        doubled = lines[: n + 1] + lines[n:]
        emptied = [*lines[:n], b"\n", *lines[n + 1 :]]
        swapped = lines[:n] + lines[n + 1 : n + 2] + lines[n : n + 1] + lines[n + 2 :]
        forged = [*lines[:n], lines[n].replace(b"2026", b"2025"), *lines[n + 1 :]]
        whole = (doubled, emptied, forged, *([deleted, swapped] if n + 1 < len(lines) else []))
        for damaged in whole:
            assert scan(b"".join(damaged), RUN).damage is not None, damaged


def test_the_journal_of_another_run_is_refused_by_name():
    damage = scan(written()[0], "order-43").damage
    assert damage is not None
    assert (damage.line, damage.byte) == (1, 0)
    assert damage.why == "this is the journal of run 'order-42', not of 'order-43'"


def test_a_damaged_run_id_is_not_taken_for_another_run():
    damage = scan(written()[0].replace(b'"run":"order-42"', b'"run":"order-43"'), RUN).damage
    assert damage is not None
    assert damage.why == "does not match its checksum"


def test_a_journal_of_a_later_format_says_so():
    for of_format in (b"2", b'"2"', b"null"):
        damage = scan(written()[0].replace(b'"fmt":1', b'"fmt":' + of_format), RUN).damage
        assert damage is not None
        assert damage.why.startswith("does not match its checksum, and calls its format ")


NO_JOURNAL = [b"[]", b"1", b"\xff\xfe", b'{"run":5}', b'{"run":"\\ud800"}', b'{"a":' * 100_000]


@pytest.mark.parametrize("first", NO_JOURNAL, ids=range(len(NO_JOURNAL)))
def test_a_file_of_anything_else_is_refused(first):
    damage = scan(first + b"\n" + written()[0], RUN).damage
    assert damage is not None
    assert (damage.line, damage.byte, damage.why) == (1, 0, "does not match its checksum")


@pytest.mark.parametrize(
    "text",
    [
        '{"n":8,"at":"t","op":"dance"',
        '{"n":8,"at":"t","op":"run","fmt":2,"run":"order-42"',
        '{"n":8,"at":"t"',
        '{"n":8,"at":"t","op":"failed","by":"b","in":{},"err":5',
        '{"n":8,"at":"t","op":"feed","put":7',
        '{"n":8,"at":"t","op":"rest","status":"paused","part":3',
        '{"n":8,"at":}',
        "8",
    ],
)
def test_a_sealed_line_that_says_nothing_known_is_refused(text):
    data, tips = written()
    h = hashlib.blake2b(tips[-1].h + (text + "}").encode(), digest_size=8).hexdigest()
    damage = scan(f'{data.decode()}{text},"h":"{h}"}}\n'.encode(), RUN).damage
    assert damage is not None
    assert damage.line == 8


def test_a_seal_in_another_place_is_refused():
    data, tips = written()
    text = '{"n":8,"at":"t","op":"rest","status":"paused"'
    h = hashlib.blake2b(tips[-1].h + (text + "}").encode(), digest_size=8).hexdigest()
    for seal in (f',"x":"{h}"}}', f',"h":"{h}"]'):
        assert scan(data + f"{text}{seal}\n".encode(), RUN).damage is not None


# --- what a power cut leaves -----------------------------------------------------------------------------------------


def images(data: bytes, durable: int) -> Iterator[bytes]:
    """Yield what the disk may hold if the power fails before what follows byte `durable` was synced.

    Each sector of it is there or not, except where it was there before; the file ends anywhere behind byte `durable`.
    """
    begins = [durable, *range(durable + -durable % SECTOR, len(data), SECTOR)]
    sectors = [(a, b) for a, b in zip(begins, [*begins[1:], len(data)]) if a < b]
    for there in itertools.product([True, False], repeat=len(sectors)):
        image = bytearray(data)
        for (a, b), kept in zip(sectors, there):
            if not kept:
                image[a:b] = bytes(b - a)
        for _, end in [(0, durable), *sectors]:
            yield bytes(image[:end])


@pytest.mark.parametrize("before", [[], COMMITS[:2]], ids=["the first commit", "a later commit"])
@pytest.mark.parametrize("parts", [1, 2, 3, 5])
def test_a_power_cut_in_a_commit_leaves_all_of_it_or_nothing(before, parts):
    seen = 0
    for size in range(0, 1100, 73):
        body = json.dumps("x" * size)
        commit: List[Line] = [] if before else [COMMITS[0][0]]
        commit += [Fed(AT, (Put("Card", body), Put("Note", "1"))) for _ in range(parts - len(commit))]
        commit = commit[:parts]
        data, tips = written([*before, commit])
        for image in itertools.islice(images(data, tips[-2].size), 0, 2_000, 5 if parts > 2 else 1):
            found = scan(image, RUN)
            assert found.damage is None
            assert found.lines == lines_of([*before, commit] if image == data else before)
            seen += 1
    assert seen > 30


def test_a_sector_that_is_lost_from_an_earlier_commit_is_refused():
    fed = Fed(AT, (Put("Card", json.dumps("x" * 300)),))
    commits: List[List[Line]] = [COMMITS[0], [fed] * 4, [fed] * 3, [fed]]
    data, tips = written(commits)
    for at in range(0, tips[-2].size, SECTOR):
        end = min(at + SECTOR, tips[-2].size)
        damage = scan(data[:at] + bytes(end - at) + data[end:], RUN).damage
        assert damage is not None
        assert damage.byte <= at + SECTOR


def test_a_newline_that_never_reached_the_disk_is_no_damage():
    before, tips = written(COMMITS[:1])
    for size in range(SECTOR):
        data, _ = written([COMMITS[0], [Fed(AT, (Put("Card", json.dumps("x" * size)),))]])
        found = scan(data[:-1] + b"\0", RUN)
        at_an_edge = (len(data) - 1) % SECTOR == 0
        assert (found.damage is None) == at_an_edge
    assert scan(before, RUN).tip == tips[-1]


# --- negative controls: these tests notice what they are there for ---------------------------------------------------


def test_the_flips_notice_that_the_chain_is_not_checked(monkeypatch):
    def unsealed(raw: bytes, *, h: bytes) -> Optional[Entry]:
        body = raw.rpartition(b',"h":')[0]
        return read(body + b',"h":"%b"}' % hashlib.blake2b(h + body + b"}", digest_size=8).hexdigest().encode(), h=h)

    monkeypatch.setattr(_scan, "read", unsealed)
    with pytest.raises(AssertionError):
        test_every_flip_of_a_bit_is_refused_where_it_is()


def test_the_power_cuts_notice_that_commits_are_not_taken_as_a_whole(monkeypatch):
    def by_itself(raw: bytes, *, h: bytes) -> Optional[Entry]:
        entry = read(raw, h=h)
        return None if entry is None else Entry(entry.line, 1, 1)

    monkeypatch.setattr(_scan, "read", by_itself)
    with pytest.raises(AssertionError):
        test_a_power_cut_in_a_commit_leaves_all_of_it_or_nothing(COMMITS[:2], 3)


def test_the_lost_sectors_notice_that_any_hole_is_taken_for_a_power_cut(monkeypatch):
    monkeypatch.setattr(_scan, "_left_by_power_cut", lambda whole, **_: True)
    with pytest.raises(AssertionError):
        test_a_sector_that_is_lost_from_an_earlier_commit_is_refused()
