"""`polaris runs wake`: resumes what waits, with the code of the user."""

from __future__ import annotations

import json
import sys
from datetime import datetime, timezone
from pathlib import Path
from textwrap import dedent
from typing import Any, Callable, List, Tuple

import pytest

from polaris_dsl import Executor, FileStore
from polaris_dsl._cli import main

FLOWS = """
    from datetime import datetime, timezone
    from typing import NamedTuple

    from polaris_dsl import Executor, FileStore, RetryAt, builder, workflow


    class Order(NamedTuple):
        cents: int


    class Paid(NamedTuple):
        cents: int


    def moment(minutes: int) -> datetime:
        return datetime(2026, 1, 1, 12, minutes, tzinfo=timezone.utc)


    @builder
    def charge(order: Order) -> Paid:
        print("charging", order.cents)
        if order.cents == 13 and MODE["woken"]:
            raise OSError("no bank")
        if order.cents == 14 and MODE["woken"]:
            raise RetryAt(moment(30))
        if not MODE["woken"]:
            raise RetryAt(moment(order.cents))
        return Paid(order.cents)


    @builder(at_most_once=True, name="charge")
    def charge_once(order: Order) -> Paid:
        return charge(order) if order.cents != 15 or not MODE["woken"] else order


    MODE = {"woken": True}
    card_payment_once = workflow(target=Paid, inputs=Order, builders=[charge_once], name="card_payment")
    card_payment = workflow(target=Paid, inputs=Order, builders=[charge], name="card_payment")
    payments = Executor(card_payment, store=FileStore("runs", durability="process"))
    number = 5
"""

Polaris = Callable[..., Tuple[int, str, str]]


@pytest.fixture(name="polaris")
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Any:
    """A shop with three runs that wait, in the folder where the command is given."""
    (tmp_path / "wakeful").mkdir()
    (tmp_path / "wakeful" / "__init__.py").write_text("", encoding="utf-8")
    (tmp_path / "wakeful" / "flows.py").write_text(dedent(FLOWS), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delenv("POLARIS_STORE", raising=False)
    for name in ("wakeful", "wakeful.flows"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    from wakeful import flows  # type: ignore[import-not-found]  # noqa: PLC0415  it was just written

    flows.MODE["woken"] = False
    for number in (5, 13, 14):
        flows.payments.run(f"order-{number}", flows.Order(number))
    flows.MODE["woken"] = True

    def polaris(*arguments: str) -> Tuple[int, str, str]:
        capfd.readouterr()
        code = main(["runs", "wake", *arguments])
        return (code, *capfd.readouterr())

    yield polaris
    for name in ("wakeful", "wakeful.flows"):
        sys.modules.pop(name, None)


def now(minutes: int) -> Tuple[str, str]:
    return "--now", f"2026-01-01T12:{minutes:02}:00Z"


def test_it_resumes_what_is_due_and_says_where_that_stands(polaris: Polaris) -> None:
    code, out, err = polaris("wakeful.flows:card_payment", "--store", "runs", *now(4))
    assert (code, out, err) == (0, "resumed 0 runs\n", "")
    code, out, err = polaris("wakeful.flows:card_payment", "--store", "runs", *now(5))
    assert (code, out, err) == (0, "complete  order-5\nresumed 1 run\n", "charging 5\n")


def test_it_says_that_a_run_failed_and_until_when_another_waits(polaris: Polaris) -> None:
    code, out, _ = polaris("wakeful.flows:card_payment", "--store", "runs", *now(20))
    assert code == 1
    assert sorted(out.splitlines()) == [
        "complete  order-5",
        "failed    order-13",
        "paused    order-14  (wakes at 2026-01-01T12:30:00.000Z)",
        "resumed 3 runs",
    ]


def test_what_it_woke_and_must_not_be_called_again_has_failed(
    polaris: Polaris, capfd: pytest.CaptureFixture[str]
) -> None:
    from wakeful import flows  # noqa: PLC0415  as above

    once = Executor(flows.card_payment_once, store=FileStore("runs", durability="process"))
    flows.MODE["woken"] = False
    once.run("order-15", flows.Order(15))
    flows.MODE["woken"] = True
    code, out, _ = polaris("wakeful.flows:card_payment_once", "--store", "runs", *now(15))
    assert (code, "failed    order-15" in out.splitlines()) == (1, True)
    main(["runs", "show", "order-15", "--store", "runs"])
    shown = capfd.readouterr().out.splitlines()
    assert "status       failed" in shown
    assert not any(line.startswith("wakes at") for line in shown)


def test_as_json_it_prints_one_object_on_each_line(polaris: Polaris) -> None:
    _, out, _ = polaris("wakeful.flows:card_payment", "--store", "runs", "--json", *now(20))
    rows = {row["run"]: row for row in map(json.loads, out.splitlines())}
    assert rows["order-14"] == {
        "run": "order-14",
        "workflow": "card_payment",
        "status": "paused",
        "wake_at": "2026-01-01T12:30:00.000Z",
    }
    assert (rows["order-5"]["status"], rows["order-5"]["wake_at"]) == ("complete", None)


def test_without_a_time_it_resumes_what_is_due_by_now(polaris: Polaris) -> None:
    assert datetime.now(timezone.utc) > datetime(2026, 1, 1, 12, 59, tzinfo=timezone.utc)
    _, out, _ = polaris("wakeful.flows:card_payment", "--store", "runs")
    assert out.endswith("resumed 3 runs\n")


def test_what_was_fed_and_nobody_has_run_is_resumed_whatever_the_time(polaris: Polaris) -> None:
    from wakeful import flows  # noqa: PLC0415  as above

    flows.payments.feed("order-14", flows.Order(15))
    code, out, _ = polaris("wakeful.flows:card_payment", "--store", "runs", *now(0))
    assert (code, out) == (0, "complete  order-14\nresumed 1 run\n")


def test_an_executor_knows_its_store(polaris: Polaris) -> None:
    code, out, _ = polaris("wakeful.flows:payments", *now(5))
    assert (code, out) == (0, "complete  order-5\nresumed 1 run\n")
    code, _, err = polaris("wakeful.flows:payments", "--store", "runs")
    assert (code, err) == (
        2,
        "polaris: wakeful.flows:payments is an executor, which has its store: leave out --store\n",
    )


def test_a_file_may_be_named_and_the_store_by_the_environment(
    polaris: Polaris, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLARIS_STORE", "runs")
    _, out, _ = polaris("wakeful/flows.py:card_payment", *now(5))
    assert out == "complete  order-5\nresumed 1 run\n"


def test_a_damaged_run_is_told_and_keeps_no_other_back(polaris: Polaris) -> None:
    from wakeful import flows  # noqa: PLC0415  as above

    path = Path(flows.payments._journals._folder.journal("order-13"))
    path.write_bytes(path.read_bytes().replace(b'"op":"feed"', b'"op":"FEED"'))
    code, out, err = polaris("wakeful.flows:card_payment", "--store", "runs", *now(13))
    assert (code, out) == (1, "complete  order-5\nresumed 1 run\n")
    assert "does not match its checksum" in err


WRONG: List[Tuple[str, str]] = [
    ("wakeful.flows", "wakeful.flows is a module: name one thing of it, as in module:name"),
    ("wakeful.flows:card_paymnt", "there is no card_paymnt in wakeful.flows: was card_payment meant?"),
    ("wakeful.flows:number", "wakeful.flows:number is a value of type int, not a workflow or an executor"),
    ("wakeful.flows:moment", "wakeful.flows:moment is a value of type function, not a workflow or an executor"),
    ("wakeful.bad:flow", "wakeful.bad:flow could not be imported: ZeroDivisionError: division by zero"),
    ("wakeful.worse:flow", "workflow Paid has 1 problem"),
    ("wakeful.none:flow", "there is no module wakeful.none in "),
    ("wakeful", "name one thing of it, as in module:name"),
]


@pytest.mark.parametrize(("what", "told"), WRONG, ids=[what for what, _ in WRONG])
def test_what_cannot_be_woken_is_told_in_a_sentence(polaris: Polaris, what: str, told: str) -> None:
    Path("wakeful/bad.py").write_text("1 / 0\n", encoding="utf-8")
    worse = "from wakeful.flows import *\nfrom polaris_dsl import workflow\nworkflow(target=Paid, builders=[charge])\n"
    Path("wakeful/worse.py").write_text(worse, encoding="utf-8")
    code, out, err = polaris(what, "--store", "runs")
    assert (code, out) == (2, "")
    assert told in err


def test_a_time_that_is_none_is_refused(polaris: Polaris) -> None:
    with pytest.raises(SystemExit):
        polaris("wakeful.flows:card_payment", "--now", "soon")


def test_a_run_that_the_command_resumed_is_what_an_executor_finds(polaris: Polaris, tmp_path: Path) -> None:
    polaris("wakeful.flows:card_payment", "--store", "runs", *now(5))
    from wakeful import flows  # noqa: PLC0415  as above

    runs = Executor(flows.card_payment, store=FileStore(tmp_path / "runs"))
    assert runs.load("order-5").result() == flows.Paid(5)
