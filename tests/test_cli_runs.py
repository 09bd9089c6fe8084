"""`polaris runs`: what each action prints, what it leaves behind, and how it ends."""

from __future__ import annotations

import io
import itertools
import json
import os
import pty
import random
import re
import signal
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Sequence, Tuple, Union

import attrs
import pytest

from polaris_dsl import Executor, FileStore, Workflow, builder, workflow
from polaris_dsl._cli import main
from polaris_dsl._cli._runs_story import story_of
from polaris_dsl._cli._runs_text import counted
from polaris_dsl._cli._settings import setting
from polaris_dsl.errors import BuilderError, DefinitionError
from polaris_dsl.stores import Built, Failed, Fed, Intended, Line, Postponed, Put, Released, Rested, Started, Store
from polaris_dsl.stores.sqlite import SqliteStore

AT = "2026-03-01T09:30:00.125Z"


@attrs.frozen
class Order:
    cents: int
    note: str = ""


@attrs.frozen
class Voucher:
    cents: int


@attrs.frozen
class Price:
    cents: int


@attrs.frozen
class Charged:
    cents: int


@attrs.frozen
class Declined:
    why: str


@attrs.frozen
class Shipped:
    cents: int


class GatewayTimeoutError(Exception):
    pass


@builder
def price(order: Order, voucher: Optional[Voucher]) -> Price:
    return Price(order.cents - (voucher.cents if voucher else 0))


@builder
def charge(price: Price) -> Union[Charged, Declined]:
    if price.cents == 13:
        raise GatewayTimeoutError
    return Charged(price.cents) if price.cents < 1000 else Declined("too much")


@builder
def ship(charged: Charged) -> Optional[Shipped]:
    return Shipped(charged.cents) if charged.cents else None


orders: Workflow[Union[Shipped, Declined], Union[Order, Voucher]] = workflow(
    target=Union[Shipped, Declined], inputs=Union[Order, Voucher], builders=[price, charge, ship], name="orders"
)
refunds = workflow(target=Price, inputs=Union[Order, Voucher], builders=[price], name="refunds")


class Shop:
    """A store with runs, and the command line that looks after it."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.root = root
        self.capsys = capsys
        self.store = FileStore(root / "runs", durability="process")
        self.orders = Executor(orders, store=self.store, max_workers=1)

    def run(self, run_id: str, *data: Union[Order, Voucher]) -> None:
        with suppress(BuilderError):
            self.orders.run(run_id, *data)

    def polaris(self, *arguments: str) -> Tuple[int, str, str]:
        """Run an action on the store; return its exit code, and what it printed."""
        self.capsys.readouterr()
        code = main(["runs", *arguments])
        said = self.capsys.readouterr()
        return code, said.out, said.err

    def path(self, run_id: str) -> Path:
        return Path(self.store.open("orders")._folder.journal(run_id))

    def damage(self, run_id: str, old: bytes, new: bytes) -> None:
        data = self.path(run_id).read_bytes()
        assert old in data
        self.path(run_id).write_bytes(data.replace(old, new))

    def listed(self, *arguments: str) -> Dict[str, str]:
        """Return the status of each run, as `list --json` says."""
        _, out, _ = self.polaris("list", "--json", *arguments)
        return {row["run"]: row["status"] for row in map(json.loads, out.splitlines())}


@pytest.fixture
def shop(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setenv("POLARIS_STORE", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)
    return Shop(tmp_path, capsys)


@pytest.fixture
def busy(shop: Shop) -> Shop:
    """A shop with a run of each status."""
    shop.run("order-1", Order(500))
    shop.run("order-2", Order(0))
    shop.run("order-3", Order(13))
    shop.orders.feed("order-4", Order(500))
    return shop


def clocks_out(text: str) -> str:
    return re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "<time>", text)


# --- which store -----------------------------------------------------------------------------------------------------


def test_the_store_is_named_by_option_then_environment_then_project(shop, tmp_path, monkeypatch):
    for name in ("a", "b", "c"):
        with Executor(orders, store=FileStore(tmp_path / name / "runs", durability="process")) as executor:
            executor.run(f"in-{name}", Order(1))
    (tmp_path / "c" / "pyproject.toml").write_text('[tool.polaris]\nstore = "runs"\n')
    (tmp_path / "c" / "deeper").mkdir()
    monkeypatch.chdir(tmp_path / "c" / "deeper")
    monkeypatch.setenv("POLARIS_STORE", str(tmp_path / "b" / "runs"))
    assert list(shop.listed("--store", "../../a/runs")) == ["in-a"]
    assert list(shop.listed()) == ["in-b"]
    monkeypatch.setenv("POLARIS_STORE", "")
    if sys.version_info >= (3, 11):
        assert list(shop.listed()) == ["in-c"]


def test_without_a_store_it_says_how_to_name_one(shop, tmp_path, monkeypatch):
    monkeypatch.delenv("POLARIS_STORE")
    code, out, err = shop.polaris("list")
    assert (code, out) == (2, "")
    assert err.startswith("polaris: which store? Name it with --store PATH, in POLARIS_STORE, or in pyproject.toml")


def test_a_store_that_is_not_there_is_an_error_and_is_not_made(shop, tmp_path):
    for arguments in (["list"], ["verify"], ["show", "order-1"], ["archive", "x", "--to", "other"]):
        code, _, err = shop.polaris(*arguments, "--store", "nowhere")
        assert (code, err) == (2, "polaris: --store says that the store is nowhere, but there is nothing\n")
    assert not (tmp_path / "nowhere").exists()
    assert not (tmp_path / "other").exists()


def test_a_file_is_a_sqlite_store(shop, tmp_path):
    with SqliteStore(tmp_path / "runs.db") as store, Executor(orders, store=store) as executor:
        executor.run("order-1", Order(500))
    assert shop.listed("--store", "runs.db") == {"order-1": "complete"}
    code, out, _ = shop.polaris("verify", "--store", "runs.db")
    assert (code, out) == (0, "1 run verified, 6 lines; nothing is damaged\n")


# --- list ------------------------------------------------------------------------------------------------------------


def test_list_shows_every_run_newest_last(busy):
    code, out, err = busy.polaris("list")
    assert (code, err) == (0, "")
    assert clocks_out(out).replace("<time>", "T").splitlines() == [
        "UPDATED                   STATUS    WORKFLOW  RUN",
        "T  complete  orders    order-1",
        "T  paused    orders    order-2",
        "T  failed    orders    order-3",
        "T  due       orders    order-4",
    ]


def test_list_as_json_is_one_object_on_each_line(busy):
    _, out, _ = busy.polaris("list", "--json", "--sort", "id")
    first = json.loads(out.splitlines()[0])
    assert sorted(first) == ["run", "status", "updated_at", "wake_at", "workflow"]
    assert (first["run"], first["status"], first["workflow"]) == ("order-1", "complete", "orders")


def test_list_sorts_by_id_or_not_at_all(busy):
    with Executor(refunds, store=busy.store) as executor:
        executor.run("order-2", Order(5))
    _, out, _ = busy.polaris("list", "--sort", "id")
    assert [line.split()[1:] for line in out.splitlines()[1:4]] == [
        ["complete", "orders", "order-1"],
        ["paused", "orders", "order-2"],
        ["complete", "refunds", "order-2"],
    ]
    _, out, _ = busy.polaris("list", "--sort", "none")
    assert len(out.splitlines()) == 6


def test_list_takes_a_workflow_and_statuses(busy):
    with Executor(refunds, store=busy.store) as executor:
        executor.run("refund-1", Order(5))
    assert list(busy.listed("--workflow", "refunds")) == ["refund-1"]
    assert sorted(busy.listed("--status", "paused", "--status", "due")) == ["order-2", "order-4"]
    code, _, err = busy.polaris("list", "--workflow", "zoo")
    assert (code, err) == (2, "polaris: workflow 'zoo' has no runs in this store; those that have: orders, refunds\n")


def test_list_takes_dates_and_ages(shop):
    for day in (1, 2, 3):
        run = f"day-{day}"
        at = f"2026-03-0{day}T09:30:00.125Z"
        shop.store.open("orders").append(run, 0, [Started(at, run, "orders", "g")])
    assert sorted(shop.listed("--since", "2026-03-02")) == ["day-2", "day-3"]
    assert sorted(shop.listed("--before", "2026-03-02T10:30:00+01:00")) == ["day-1"]
    assert sorted(shop.listed("--since", "2026-03-02T09:30", "--before", "2026-03-03T00:00:00Z")) == ["day-2"]
    assert sorted(shop.listed("--before", "0s")) == ["day-1", "day-2", "day-3"] or time.time() < 1_772_600_000
    assert shop.listed("--before", "5000w") == {}


@pytest.mark.parametrize("date", ["soon", "2026-13-01", "999999w", "7", ""])
def test_a_date_that_is_none_is_refused(date, shop):
    with pytest.raises(SystemExit) as ended:
        shop.polaris("list", "--since", date)
    assert ended.value.code == 2
    assert "is no date: write 2026-03-01" in shop.capsys.readouterr().err


def test_an_empty_store_has_no_runs(shop):
    assert shop.polaris("list") == (0, "UPDATED                   STATUS    WORKFLOW  RUN\n", "")
    assert shop.polaris("list", "--json") == (0, "", "")
    code, _, err = shop.polaris("list", "--workflow", "orders")
    assert (code, err) == (2, "polaris: workflow 'orders' has no runs in this store; no workflow has\n")


def test_damaged_runs_are_listed_and_counted(busy):
    busy.damage("order-1", b'"complete"', b'"cOmplete"')
    busy.damage("order-3", b'"op":"run"', b'"op":"ran"')
    busy.damage("order-3", b"order-3", b"order-4")
    code, out, err = busy.polaris("list")
    assert code == 1
    assert err == "2 runs damaged; `polaris runs verify` says where\n"
    damaged = [line.split(None, 2) for line in out.splitlines() if "damaged" in line]
    path = busy.path("order-3")
    why = "does not match its checksum"
    assert damaged == [["damaged", "orders", f"({path}:1: byte 0: {why})"], ["damaged", "orders", "order-1"]]
    assert busy.listed("--status", "damaged")["order-1"] == "damaged"
    code, out, err = busy.polaris("list", "--status", "paused", "--json")
    assert (code, [json.loads(line)["run"] for line in out.splitlines()]) == (1, ["order-2"])
    assert "2 runs damaged" in err


def test_no_control_character_reaches_the_terminal(shop):
    evil = "a\x1b[2J\u202e\x9b\x7f\U000e0001\nb"
    shop.run(evil, Order(1, evil))
    escaped = "a\\u001b[2J\\u202e\\u009b\\u007f\\udb40\\udc01\\nb"
    for arguments in (
        *(["list"], ["list", "--json"], ["show", evil, "--values"], ["show", evil, "--values", "--json"]),
        *(["archive", evil, "--to", "x", "--dry-run"], ["show", evil + "x"], ["delete", evil, "--yes", "--json"]),
    ):
        _, out, err = shop.polaris(*arguments)
        assert escaped in out + err or "\\x1b" in err
        assert all(character.isprintable() or character == "\n" for character in out + err)


# --- show ------------------------------------------------------------------------------------------------------------


def test_show_tells_data_with_their_lineage_and_failures_without_values(shop):
    shop.run("order-1", Order(13))
    shop.run("order-1", Voucher(1))
    code, out, err = shop.polaris("show", "order-1")
    assert (code, err) == (0, "")
    place = next(failure.place for failure in story_of(shop.store.open("orders").load("order-1")).failures)
    assert [re.sub(" {2,}", "  ", line) for line in clocks_out(out).splitlines()] == [
        "run  order-1",
        "workflow  orders",
        "status  complete",
        "begun  <time>",
        "updated  <time>, line 10",
        "",
        "VERSION  DATA  STATE  WHEN  BY  FROM",
        "2  Order  present  <time>  (fed)",
        "6  Voucher  present  <time>  (fed)",
        "7  Price  present  <time>  price  Order 2, Voucher 6",
        "8  Charged  present  <time>  charge  Price 7",
        "9  Shipped  present  <time>  ship  Charged 8",
        "",
        "LINE  FAILED  ERROR  AT  WHEN  FROM",
        f"4  charge  GatewayTimeoutError  {place}  <time>  Price 3 (mended)",
    ]
    assert "cents" not in out


def test_show_tells_what_was_withdrawn_and_with_history_what_was_replaced(shop):
    shop.run("order-1", Order(500))
    shop.run("order-1", Order(5000))
    _, out, _ = shop.polaris("show", "order-1", "--history", "--json")
    data = [(one["name"], one["version"], one["state"], one["by"], one["from"]) for one in json.loads(out)["data"]]
    assert data == [
        ("Order", 2, "replaced", None, {}),
        ("Price", 3, "replaced", "price", {"Order": 2}),
        ("Charged", 4, "withdrawn", "charge", {"Price": 3}),
        ("Shipped", 5, "withdrawn", "ship", {"Charged": 4}),
        ("Order", 7, "present", None, {}),
        ("Price", 8, "present", "price", {"Order": 7}),
        ("Declined", 9, "present", "charge", {"Price": 8}),
    ]
    _, out, _ = shop.polaris("show", "order-1")
    assert [line.split()[1] for line in out.splitlines()[7:]] == ["Charged", "Shipped", "Order", "Price", "Declined"]


def test_show_as_json_is_one_document_with_values_on_demand(shop):
    shop.run("order-2", Order(0, "é"))
    _, out, _ = shop.polaris("show", "order-2", "--json")
    told = json.loads(out)
    assert "value" not in told["data"][0]
    assert (told["run"], told["workflow"], told["status"], told["lines"]) == ("order-2", "orders", "paused", 6)
    assert (told["silent"], told["held_by"], told["failures"]) == (["ship"], None, [])
    _, out, _ = shop.polaris("show", "order-2", "--json", "--values")
    assert json.loads(out)["data"][0]["value"] == {"cents": 0, "note": "é"}


def test_show_as_json_tells_failures_with_their_type_and_place(shop):
    shop.run("order-1", Order(13))
    _, out, _ = shop.polaris("show", "order-1", "--json")
    (failure,) = json.loads(out)["failures"]
    assert (failure["error"], failure["from"], failure["mended"]) == ("GatewayTimeoutError", {"Price": 3}, False)


LATER = "2026-03-02T00:00:00.000Z"


def eventful(shop: Shop) -> None:
    """A run that tells all that may become of a call."""
    begun = (Started(AT, "order-9", "orders", "g"), Fed(AT, (Put("Order", '{"cents":5}'),)))
    lines = (
        Failed(AT, "charge", {"Price": 2}, "OSError", "bank.py:1", 1),
        Postponed(AT, "charge", {"Price": 2}, LATER),
        Intended(AT, "ship", {"Charged": 2}),
        Released(AT, "ship", {"Charged": 2}),
        Intended(AT, "ship", {"Charged": 2}),
        Intended(AT, "price", {"Order": 2}),
        Failed(AT, "price", {"Order": 2}, "OSError", "bank.py:1"),
        Rested(AT, "paused", LATER),
    )
    shop.store.open("orders").append("order-9", 0, begun)
    shop.store.open("orders").append("order-9", 2, lines)


def test_show_tells_of_trials_and_of_what_waits_or_was_begun_at_most_once(shop):
    eventful(shop)
    _, out, _ = shop.polaris("show", "order-9")
    told = [re.sub(" {2,}", "  ", line) for line in out.replace(AT, "<time>").splitlines()]
    assert told[3:] == [
        "begun  <time>",
        "updated  <time>, line 10",
        "interrupted  ship since <time>, idempotency key 01536fafce9cec498c993950e219a6fe",
        f"wakes at  {LATER}",
        "",
        "VERSION  DATA  STATE  WHEN  BY  FROM",
        "2  Order  present  <time>  (fed)",
        "",
        "LINE  FAILED  ERROR  AT  WHEN  FROM",
        "3  charge  OSError  bank.py:1  <time>  Price 2 (try 1)",
        "9  price  OSError  bank.py:1  <time>  Order 2",
        "",
        "LINE  BUILDER  WHAT  WHEN  FROM",
        f"4  charge  waits until {LATER}  <time>  Price 2",
        "5  ship  begun, at most once  <time>  Charged 2",
        "6  ship  may be begun again  <time>  Charged 2",
        "7  ship  begun, at most once, how it ended is not known  <time>  Charged 2",
        "8  price  begun, at most once  <time>  Order 2",
    ]
    _, out, _ = shop.polaris("show", "order-9", "--json")
    shown = json.loads(out)
    assert (shown["wake_at"], [one["try"] for one in shown["failures"]]) == (LATER, [1, None])
    assert [(one["line"], one["by"], one["what"], one["until"], one["last"]) for one in shown["events"]] == [
        (4, "charge", "postponed", LATER, True),
        (5, "ship", "begun", None, False),
        (6, "ship", "released", None, False),
        (7, "ship", "begun", None, True),
        (8, "price", "begun", None, False),
    ]
    assert (shown["events"][0]["at"], shown["events"][0]["from"]) == (AT, {"Price": 2})


def test_list_says_until_when_runs_wait(shop, terminal, monkeypatch):
    eventful(shop)
    shop.run("order-1", Order(500))
    _, out, _ = shop.polaris("list", "--json", "--sort", "id")
    assert [json.loads(line)["wake_at"] for line in out.splitlines()] == [None, LATER]
    _, out, _ = shop.polaris("list", "--sort", "id")
    assert [line.split("  ")[-2:] for line in out.splitlines()[2:]] == [["order-9", f"(wakes at {LATER})"]]
    monkeypatch.setattr(sys, "stdout", terminal.writer)
    main(["runs", "list"])
    assert f"order-9  (wakes at {LATER})" in terminal.shows()


def test_repair_says_what_was_lost_of_every_kind(shop):
    eventful(shop)
    shop.damage("order-9", b'"op":"failed","by":"charge"', b'"op":"FAILED","by":"charge"')
    _, out, _ = shop.polaris("repair", "order-9")
    for told in (
        "line 4: until when charge waits",
        "line 5: that ship was begun, which must not happen twice",
        "line 6: that ship may be called again",
    ):
        assert told in out


def test_show_of_a_run_that_holds_nothing_is_its_head(shop):
    shop.run("order-1")
    _, out, _ = shop.polaris("show", "order-1")
    assert "paused" in out
    assert "VERSION" not in out


def test_show_prints_values_below_when_asked(shop):
    shop.run("order-2", Order(0, "é"))
    _, out, _ = shop.polaris("show", "order-2", "--values")
    assert 'Order 2:\n{\n  "cents": 0,\n  "note": "é"\n}\n' in out
    assert "silent    ship\n" in out


def test_show_says_who_holds_a_run_and_needs_no_lock(busy):
    with busy.store.open("orders").hold("order-1"):
        _, out, _ = busy.polaris("show", "order-1")
        _, told, _ = busy.polaris("show", "order-1", "--json")
        assert busy.polaris("list")[0] == busy.polaris("verify")[0] == 0
    assert re.search(rf"held by   process {os.getpid()} on host .* since \S+Z\n", out)
    assert json.loads(told)["held_by"]["name"].startswith(f"process {os.getpid()} on host ")


def test_an_id_is_meant_exactly_and_a_workflow_is_asked_for_where_several_have_it(busy):
    with Executor(refunds, store=busy.store) as executor:
        executor.run("order-1", Order(5))
    code, _, err = busy.polaris("show", "order-1")
    assert (code, err) == (2, "polaris: orders, refunds all have a run 'order-1'; say which is meant with --workflow\n")
    assert busy.polaris("show", "order-1", "--workflow", "refunds")[0] == 0
    code, _, err = busy.polaris("show", "order")
    assert (code, err) == (2, "polaris: there is no run 'order' here; `polaris runs list` shows those that there are\n")
    assert busy.polaris("show", "x" * 600)[0] == 2


def test_a_damaged_run_is_not_shown_but_where_it_is_damaged_is(busy):
    busy.damage("order-1", b'"complete"', b'"cOmplete"')
    code, out, err = busy.polaris("show", "order-1")
    assert (code, out) == (2, "")
    assert "order-1.jsonl:6: byte " in err


# --- the story of a journal ------------------------------------------------------------------------------------------


def states(lines: Sequence[Line]) -> Dict[str, Tuple[int, str]]:
    """Return the newest version of each data, and what became of it."""
    told = story_of([Started(AT, "r", "f", "g"), *lines])
    return {one.name: (one.version, one.state) for one in told.data if one.state != "replaced"}


def built(by: str, made: str = "", /, kept: str = "", **inputs: int) -> Built:
    return Built(AT, by, inputs, (Put(made, "1"),) if made else (), (kept,) if kept else ())


FED = Fed(AT, (Put("A", "1"),))


def test_what_consumed_a_withdrawn_data_is_withdrawn_with_it():
    chain: List[Line] = [FED, built("b", "B", A=2), built("c", "C", B=3), built("d", "D", C=4), FED]
    withdrawn = {name: (version, "withdrawn") for version, name in enumerate("BCD", 3)}
    assert states([*chain, built("b", A=6)]) == {"A": (6, "present"), **withdrawn}
    assert states([*chain, built("b", "Other", A=6)])["D"] == (5, "withdrawn")
    assert states([*chain, built("b", kept="B", A=6)])["D"] == (5, "present")


def test_what_had_a_withdrawn_data_as_an_optional_stays():
    lines: List[Line] = [FED, built("b", "B", A=2), built("c", "C", A=2, B=3), FED, built("b", A=5)]
    assert states(lines)["C"] == (4, "withdrawn")  # as far as one can tell so far
    assert states([*lines, built("c", kept="C", A=5)])["C"] == (4, "present")
    assert states([*lines, Failed(AT, "c", {"A": 5}, "E", "x.py:1")])["C"] == (4, "present")


def test_what_was_fed_over_a_product_is_not_withdrawn_with_it():
    lines: List[Line] = [FED, built("b", "B", A=2), Fed(AT, (Put("B", "2"),)), FED, built("b", A=5)]
    assert states(lines)["B"] == (4, "present")


def test_what_was_kept_but_never_there_is_passed_over():
    assert states([FED, built("b", kept="B", A=2)]) == {"A": (2, "present")}


def test_a_journal_begins_with_its_beginning():
    with pytest.raises(TypeError, match="begins with Started, not with Rested"):
        story_of([Rested(AT, "paused")])


# --- verify, repair --------------------------------------------------------------------------------------------------


def test_verify_checks_whole_journals_and_its_exit_code_tells(busy):
    assert busy.polaris("verify") == (0, "4 runs verified, 19 lines; nothing is damaged\n", "")
    busy.damage("order-1", b'"cents":500', b'"cents":501')
    assert busy.polaris("list")[0] == 0  # which looks only at the ends
    code, out, _ = busy.polaris("verify")
    assert code == 1
    assert re.fullmatch(
        r"orders  order-1\n    \S+order-1.jsonl:2: byte \d+: does not match its checksum\n"
        r"4 runs verified, 13 lines; 1 damaged: `polaris runs repair` cuts a damaged end off\n",
        out,
    )


def test_verify_as_json_is_one_object_on_each_line(busy):
    busy.path("order-1").write_bytes(b"?\n")
    code, out, _ = busy.polaris("verify", "--json", "--workflow", "orders")
    told = {row["run"]: row for row in map(json.loads, out.splitlines())}
    assert (code, len(told)) == (1, 4)
    assert told["order-2"] == {"run": "order-2", "workflow": "orders", "lines": 6, "problem": None}
    assert "does not match its checksum" in told[None]["problem"]
    _, out, _ = busy.polaris("verify")
    assert "orders  (which run, it cannot say)\n" in out


def test_repair_cuts_and_says_what_was_lost_in_the_words_of_the_user(shop):
    shop.run("order-1", Order(13))
    shop.run("order-1", Order(500))
    shop.damage("order-1", b'{"cents":13}]', b'{"cents":14}]')
    code, out, _ = shop.polaris("repair", "order-1")
    path = shop.path("order-1")
    lost = path.with_name(f"{path.name}.damaged-1").read_bytes()[path.stat().st_size :]
    assert code == 0
    assert out.splitlines() == [
        f"cut 8 lines ({len(lost):,} bytes) off the journal of run order-1",
        f"all of it is kept in {path}.damaged-1",
        "lost, as far as the lines can be read:",
        "  line 3: what price built: Price",
        "  line 4: that charge failed",
        "  line 5: a status",
        "  line 6: Order that was fed",
        "  line 7: what price built: Price",
        "  line 8: what charge built: Charged",
        "  line 9: what ship built: Shipped",
        "  line 10: a status",
        "builders whose results were lost run again, with the same idempotency keys; what was fed has to be fed again",
    ]
    assert shop.listed() == {"order-1": "due"}
    assert shop.polaris("repair", "order-1") == (0, "run order-1 is not damaged; nothing was done\n", "")


def test_repair_as_json_is_one_document(shop):
    shop.run("order-1", Order(0))
    data = shop.path("order-1").read_bytes()
    shop.path("order-1").write_bytes(data + b"?\n" + b'{"op":"built","by":"x","put":[]}\n')
    _, out, _ = shop.polaris("repair", "order-1", "--json")
    told = json.loads(out)
    assert (told["run"], told["lines"], told["bytes"]) == ("order-1", 2, 35)
    assert told["lost"] == [
        {"line": 7, "op": "", "by": None, "data": []},
        {"line": 8, "op": "built", "by": "x", "data": []},
    ]
    assert Path(told["copy"]).read_bytes() == data + b'?\n{"op":"built","by":"x","put":[]}\n'
    assert shop.path("order-1").read_bytes() == data


def test_repair_of_a_held_run_is_refused(busy):
    with busy.store.open("orders").hold("order-1"):
        code, _, err = busy.polaris("repair", "order-1")
    assert code == 2
    assert err.startswith("polaris: run 'order-1' is held by process ")


# --- archive ---------------------------------------------------------------------------------------------------------


def test_archive_moves_runs_by_status_into_a_store_that_is_listed_with_the_same_command(busy):
    before = busy.path("order-1").read_bytes()
    assert busy.polaris("archive", "--status", "complete", "--to", "old", "--dry-run") == (
        *(0, "would move  orders  order-1\nwould move 1 run\n", ""),
    )
    assert not Path("old").exists()
    assert busy.polaris("archive", "--status", "complete", "--to", "old") == (
        *(0, "moved  orders  order-1\nmoved 1 run\n", ""),
    )
    assert sorted(busy.listed()) == ["order-2", "order-3", "order-4"]
    assert busy.listed("--store", "old") == {"order-1": "complete"}
    assert busy.polaris("verify", "--store", "old")[0] == 0
    (moved,) = Path("old").glob("*/*/*")
    assert moved.read_bytes() == before
    with Executor(orders, store=FileStore("old", durability="process")) as executor:
        assert executor.load("order-1").target == Shipped(500)


def test_archive_moves_runs_by_id_and_says_in_json_what_it_did(busy):
    code, out, _ = busy.polaris("archive", "order-2", "order-4", "order-2", "--to", "old", "--json")
    assert code == 0
    assert list(map(json.loads, out.splitlines())) == [
        {"run": run, "workflow": "orders", "done": "moved", "problem": None} for run in ("order-2", "order-4")
    ]


def test_archive_leaves_what_it_cannot_move_and_goes_on(busy):
    busy.damage("order-1", b'"complete"', b'"cOmplete"')
    with busy.store.open("orders").hold("order-2"):
        code, out, err = busy.polaris("archive", "--since", "2020-01-01", "--to", "old")
    assert code == 1
    assert sorted(re.sub(r"process .*", "...", out).splitlines()) == [
        "left  orders  order-2: run 'order-2' is held by ...",
        "moved  orders  order-3",
        "moved  orders  order-4",
        "moved 2 runs, left 1",
    ]
    assert err == "1 run damaged; `polaris runs verify` says where\n"
    code, out, _ = busy.polaris("archive", "order-1", "--to", "old", "--json")
    assert code == 1
    assert json.loads(out)["done"] is None
    assert "does not match its checksum" in json.loads(out)["problem"]


@pytest.mark.parametrize("arguments", [[], ["order-1", "--status", "complete"], ["--workflow", "orders"]])
def test_archive_wants_ids_or_a_filter(arguments, busy):
    code, _, err = busy.polaris("archive", *arguments, "--to", "old")
    assert (code, err) == (2, "polaris: which runs? Give their ids, or say which with --status, --before or --since\n")


def test_archive_into_a_database_and_back(busy):
    before = busy.path("order-1").read_bytes()
    lines = busy.store.open("orders").load("order-1")
    assert busy.polaris("archive", "order-1", "--to", "old.db")[0] == 0
    assert busy.listed("--store", "old.db") == {"order-1": "complete"}
    with SqliteStore("old.db") as store:
        assert store.open("orders").load("order-1") == lines
    assert busy.polaris("archive", "order-1", "--store", "old.db", "--to", "runs")[0] == 0
    assert busy.store.open("orders").load("order-1") == lines
    assert busy.polaris("verify")[0] == 0
    assert busy.listed("--store", "old.db") == {}
    assert len(before) <= busy.path("order-1").stat().st_size


def test_a_run_that_is_gone_by_then_is_passed_over(busy, monkeypatch):
    move = FileStore.move

    def late(store: FileStore, run: str, *, workflow: str, into: Store) -> None:
        busy.orders.delete(run)
        move(store, run, workflow=workflow, into=into)

    monkeypatch.setattr(FileStore, "move", late)
    assert busy.polaris("archive", "order-1", "--to", "old") == (0, "moved 0 runs\n", "")


def test_an_archive_that_is_killed_at_any_time_loses_nothing_and_is_ended_by_another(shop, tmp_path):
    chance = random.Random(4)
    runs = [f"order-{number}" for number in range(60)]
    for run in runs:
        shop.run(run, Order(500))
    bytes_of = {run: shop.path(run).read_bytes() for run in runs}
    kills = 0
    for tries in itertools.count():
        child = os.fork()
        if child == 0:
            sys.stdout = io.StringIO()
            os._exit(main(["runs", "archive", "--status", "complete", "--to", "old"]))
        time.sleep(chance.uniform(0.002, 0.02 + tries / 500))  # ever longer: slow machines come to an end too
        os.kill(child, signal.SIGKILL)
        kills += os.waitpid(child, 0)[1] == signal.SIGKILL
        here = shop.listed()
        there = shop.listed("--store", "old") if Path("old").exists() else {}
        assert {*here, *there} == set(runs)
        assert {*here.values(), *there.values()} == {"complete"}
        if not here:
            break
    assert kills
    old = FileStore("old").open("orders")
    assert {run: Path(old._folder.journal(run)).read_bytes() for run in runs} == bytes_of
    assert shop.polaris("verify", "--store", "old")[0] == 0


# --- delete ----------------------------------------------------------------------------------------------------------


def test_delete_does_not_ask_where_it_was_told_not_to(busy):
    assert busy.polaris("delete", "order-1", "order-2", "--yes") == (
        *(0, "deleted  orders  order-1\ndeleted  orders  order-2\ndeleted 2 runs\n", ""),
    )
    assert sorted(busy.listed()) == ["order-3", "order-4"]


def test_delete_deletes_nothing_where_one_of_the_ids_is_wrong_or_there_is_nobody_to_ask(busy, monkeypatch):
    code, _, err = busy.polaris("delete", "order-1", "order-9", "--yes")
    assert (code, err[:39]) == (2, "polaris: there is no run 'order-9' here")
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    code, _, err = busy.polaris("delete", "order-1")
    assert code == 2
    assert err == "polaris: there is nobody to ask whether the runs may be deleted for good; say so with --yes\n"
    assert len(busy.listed()) == 4


def test_delete_removes_a_damaged_run_and_leaves_a_held_one(busy):
    busy.path("order-1").write_bytes(b"?\n")
    with busy.store.open("orders").hold("order-2"):
        code, out, _ = busy.polaris("delete", "order-1", "order-2", "--yes", "--workflow", "orders")
    assert code == 1
    assert out.startswith("deleted  orders  order-1\nleft  orders  order-2: run 'order-2' is held by process ")
    assert sorted(busy.listed()) == ["order-2", "order-3", "order-4"]


# --- on a terminal ---------------------------------------------------------------------------------------------------


class Terminal:
    """A terminal that stands in for files of this process; what is written to it is small enough to wait in it."""

    def __init__(self) -> None:
        self._outside, self._inside = pty.openpty()
        self.reader = open(self._inside, encoding="utf-8", closefd=False)  # noqa: SIM115  closed below
        self.writer = open(self._inside, "w", encoding="utf-8", closefd=False)  # noqa: SIM115  as above

    def type(self, text: str) -> None:
        os.write(self._outside, text.encode())

    def shows(self) -> str:
        self.writer.write("\x1e")  # a busy machine hands over what was written piece by piece: this is its end
        self.writer.flush()
        shown = b""
        while not shown.endswith(b"\x1e"):
            shown += os.read(self._outside, 65_536)
        return shown[:-1].decode().replace("\r\n", "\n")

    def close(self) -> None:
        self.reader.close()
        self.writer.close()
        os.close(self._inside)
        os.close(self._outside)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("COLUMNS", "120")
    with closing(Terminal()) as terminal:
        yield terminal


def test_on_a_terminal_a_few_runs_are_a_table(busy, terminal, monkeypatch):
    monkeypatch.setattr(sys, "stdout", terminal.writer)
    assert main(["runs", "list"]) == 0
    shown = terminal.shows()
    assert "\x1b[" in shown
    assert [line.split()[1:] for line in re.sub(r"\x1b\[[0-9;]*m", "", shown).splitlines() if "order-" in line] == [
        ["complete", "orders", "order-1"],
        ["paused", "orders", "order-2"],
        ["failed", "orders", "order-3"],
        ["due", "orders", "order-4"],
    ]
    assert main(["runs", "list", "--sort", "none"]) == 0
    assert terminal.shows().startswith("UPDATED                   STATUS    WORKFLOW  RUN\n")


def test_on_a_terminal_an_id_is_no_markup_and_no_escape(shop, terminal, monkeypatch):
    shop.run("[red]x\x1b[2J", Order(1))
    monkeypatch.setattr(sys, "stdout", terminal.writer)
    assert main(["runs", "list"]) == 0
    assert "[red]x\\u001b[2J" in terminal.shows()


def test_delete_asks_on_a_terminal(busy, terminal, monkeypatch):
    monkeypatch.setattr(sys, "stdin", terminal.reader)
    for answer, code, left in (("\n", 1, 4), ("nope\n", 1, 4), ("y\n", 0, 3)):
        terminal.type(answer)
        ended, out, err = busy.polaris("delete", "order-1")
        assert err.startswith("orders  order-1\ndelete 1 run for good? [y/N] ")
        assert ended == code
        assert len(busy.listed()) == left
        assert (code == 0) == ("deleted 1 run" in out) == ("nothing was deleted" not in err)


def test_progress_is_told_on_a_terminal_only(terminal, monkeypatch, capsys):
    assert list(counted(range(2500))) == list(range(2500))
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(sys, "stderr", terminal.writer)
    assert list(counted(range(2500))) == list(range(2500))
    assert terminal.shows() == "\r1,000 runs read\r2,000 runs read\r\x1b[K"
    assert list(counted(range(2500), quietly=True)) == list(counted(range(2500))) == list(range(2500))
    assert list(counted(range(10))) == list(range(10))
    assert terminal.shows() == "\r1,000 runs read\r2,000 runs read\r\x1b[K"


# --- settings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", None),
        ("[tool.polaris]\n", None),
        ('[tool.polaris]\nstore = "x"\n', "x"),
        ("[tool.polaris]\nstore = 3\n", 3),
        ('[tool.other]\npolaris = "x"\n', None),
    ],
)
def test_a_setting_is_what_the_nearest_project_says(text, found, tmp_path, monkeypatch):
    pytest.importorskip("tomllib")
    (tmp_path / "pyproject.toml").write_text(text)
    (tmp_path / "deeper").mkdir()
    monkeypatch.chdir(tmp_path / "deeper")
    assert setting("store") == found


def test_a_project_that_cannot_be_read_is_an_error(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    project = tmp_path / "pyproject.toml"
    project.write_text("tool = 'polaris'\n")
    with pytest.raises(DefinitionError, match=r"pyproject\.toml cannot be read"):
        setting("store")
    monkeypatch.setitem(sys.modules, "tomllib", None)
    monkeypatch.setitem(sys.modules, "tomli", None)
    with pytest.raises(DefinitionError, match="cannot be read by this Python: install tomli"):
        setting("store")


def test_the_command_runs_as_a_module(busy):
    done = subprocess.run(
        [sys.executable, "-m", "polaris_dsl", "runs", "list", "--json"], capture_output=True, text=True, check=True
    )
    assert len(done.stdout.splitlines()) == 4
