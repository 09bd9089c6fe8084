"""`polaris runs` on runs with transient data: told as such, and gone when their call has ended."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Dict, List, Mapping, Sequence, Tuple, Union

import attrs
import pytest

from polaris_dsl import Context, Executor, FileStore, Interrupted, builder, workflow
from polaris_dsl._cli import main
from polaris_dsl._cli._runs_story import story_of
from polaris_dsl.stores import Built, Fed, Line, Put, Rested, Started
from tests.test_transient import SECRET, Bank, Cvv, Held, Otp, Request

AT = "2026-03-01T09:30:00.125Z"


@attrs.frozen
class Shop:
    """A store with a run that waits for its OTP."""

    root: Path
    capsys: pytest.CaptureFixture[str]

    @property
    def store(self) -> FileStore:
        return FileStore(self.root / "runs", durability="process")

    def polaris(self, *arguments: str, code: int = 0) -> str:
        self.capsys.readouterr()
        assert main(["runs", *arguments, "--store", str(self.root / "runs")]) == code
        return self.capsys.readouterr().out


@pytest.fixture
def shop(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shop:
    begun = Shop(tmp_path, capsys)
    with Executor(Bank().flow, store=begun.store) as payments:
        payments.run("1", Request(3), Cvv(SECRET))
    return begun


def test_show_tells_transient_data_as_such_and_that_they_have_gone(shop: Shop) -> None:
    shown = re.sub(r"\d{4}-[-\d:.TZ]+", "<time>", shop.polaris("show", "1", "--values"))
    assert [re.sub(" {2,}", "  ", line) for line in shown.splitlines()[6:]] == [
        "VERSION  DATA  STATE  WHEN  BY  FROM",
        "2  Request  present  <time>  (fed)",
        "2  Cvv  gone  <time>  fed (transient, not kept)",
        "3  Token  gone  <time>  Bank.tokenize (transient, not kept)  Request 2, Cvv 2",
        "4  Held  present  <time>  Bank.hold  Request 2, Token 3",
        "",
        "Request 2:",
        "{",
        '  "cents": 3',
        "}",
        "",
        "Held 4:",
        "{",
        '  "cents": 3',
        "}",
    ]


def test_show_as_json_says_which_data_are_transient_and_gives_no_value(shop: Shop) -> None:
    told = json.loads(shop.polaris("show", "1", "--json", "--values"))["data"]
    assert [(one["name"], one["state"], one["transient"], "value" in one) for one in told] == [
        ("Request", "present", False, True),
        ("Cvv", "gone", True, False),
        ("Token", "gone", True, False),
        ("Held", "present", False, True),
    ]


def test_such_runs_are_listed_verified_archived_moved_repaired_and_deleted(shop: Shop) -> None:
    assert "paused" in shop.polaris("list")
    assert "nothing is damaged" in shop.polaris("verify")
    assert "not damaged" in shop.polaris("repair", "1")
    before = shop.store.open("Paid").load("1")
    shop.polaris("archive", "1", "--to", str(shop.root / "runs.db"))
    assert "paused" not in shop.polaris("list")
    again = Shop(shop.root / "again", shop.capsys)
    assert main(["runs", "archive", "1", "--store", str(shop.root / "runs.db"), "--to", str(again.root / "runs")]) == 0
    assert again.store.open("Paid").load("1") == before
    with Executor(Bank().flow, store=again.store) as payments:
        assert payments.run("1", Otp("1")).target is not None
        assert Held in payments.load("1")
    again.polaris("delete", "1", "--yes")


def test_repair_tells_that_transient_data_were_lost(shop: Shop) -> None:
    (journal,) = (shop.root / "runs").rglob("*.jsonl")
    raw = journal.read_bytes()
    journal.write_bytes(raw.replace(b'"cents":3', b'"cents":4', 1))
    shop.polaris("verify", code=1)
    said = shop.polaris("repair", "1")
    assert "Cvv" in said
    assert "Token" in said
    assert SECRET not in said


def test_the_key_of_what_was_interrupted_is_the_one_that_the_builder_had(shop: Shop) -> None:
    keys: List[str] = []

    class Killed(BaseException):
        pass

    @builder(at_most_once=True)
    def hold(request: Request, cvv: Cvv, context: Context) -> Held:
        keys.append(context.idempotency_key)
        raise Killed

    flow = workflow(name="once", target=Held, inputs=Union[Request, Cvv], builders=[hold], transient=Cvv)
    with Executor(flow, store=shop.store) as payments:
        with suppress(Killed):
            payments.run("2", Request(3), Cvv("1"))
        with pytest.raises(Interrupted):
            payments.run("2")
        with pytest.raises(Interrupted) as caught:
            payments.run("2", Cvv("1"))
        (told,) = json.loads(shop.polaris("show", "2", "--json"))["interrupted"]
        assert told["idempotency_key"] == caught.value.idempotency_key == keys[0]
        assert payments.settle("2", hold, Held(3)).target == Held(3)
        assert payments.run("2").target == Held(3)


# --- what a journal tells by itself ----------------------------------------------------------------------------------


def states(lines: Sequence[Line], *, held: bool = False) -> Mapping[str, Tuple[int, str]]:
    told = story_of([Started(AT, "r", "f", "g"), *lines], held=held)
    newest: Dict[str, Tuple[int, str]] = {}
    for one in told.data:
        if one.state != "replaced":
            newest[one.name] = (one.version, one.state)
    return newest


FED = Fed(AT, (Put("A", "1"),), ("T",))
BUILT = Built(AT, "b", {"A": 2, "T": 2}, (Put("B", "1"),))
NEXT = Built(AT, "c", {"B": 3}, (Put("C", "1"),))
REST = Rested(AT, "paused")


def test_it_is_there_for_as_long_as_its_call_goes_on() -> None:
    assert states([FED, BUILT], held=True)["T"] == (2, "present")
    assert states([FED, BUILT])["T"] == (2, "gone")
    assert states([FED, BUILT, REST], held=True)["T"] == (2, "gone")
    assert states([FED, BUILT, REST])["B"] == (3, "present")


def test_what_is_out_of_date_without_it_is_withdrawn_until_it_is_kept() -> None:
    lines: List[Line] = [FED, BUILT, NEXT, REST, Fed(AT, (Put("A", "2"),))]
    assert states(lines) == {"A": (6, "present"), "T": (2, "gone"), "B": (3, "withdrawn"), "C": (4, "withdrawn")}
    lines += [REST, Fed(AT, (), ("T",))]
    kept = states([*lines, Built(AT, "b", {"A": 6, "T": 8}, (), ("B",)), REST])
    assert kept == {"A": (6, "present"), "B": (3, "present"), "C": (4, "present"), "T": (8, "gone")}
    other = states([*lines, Built(AT, "b", {"A": 6, "T": 8}, (Put("D", "1"),)), REST])
    assert (other["B"], other["C"], other["D"]) == ((3, "withdrawn"), (4, "withdrawn"), (9, "present"))


def test_a_transient_product_is_withdrawn_and_comes_back_as_gone() -> None:
    made = Built(AT, "c", {"B": 3}, (), (), ("P",))
    lines: List[Line] = [FED, BUILT, made, REST, Fed(AT, (Put("A", "2"),))]
    assert states(lines)["P"] == (4, "withdrawn")
    lines += [Fed(AT, (), ("T",)), Built(AT, "b", {"A": 6, "T": 7}, (), ("B",))]
    assert states(lines)["P"] == (4, "gone")
