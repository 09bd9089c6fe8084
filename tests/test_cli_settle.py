"""`polaris runs settle`, and what `polaris runs show` tells of a builder that was interrupted."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import List, Sequence, Tuple

import pytest

from polaris_dsl import BuilderError, Context, Executor, FileStore, Interrupted, RetryAt, Status, builder, workflow
from polaris_dsl._cli import main
from polaris_dsl.stores import Intended, Journals, Released
from polaris_dsl.stores._file import FileJournals
from polaris_dsl.stores._lines import Kept, lines_of
from tests.effect_driver import Charged, Order, Receipt, write_receipt

RUN = "order-42"


class Killed(BaseException):
    """Stands for the end of the process."""


class Shop:
    """A store in which a charge was interrupted."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.path = root / "runs"
        self.capsys = capsys
        self.keys: List[str] = []
        self.ends: List[BaseException] = []
        once = builder(self.charge, name="charge", at_most_once=True)
        flow = workflow(target=Receipt, inputs=Order, builders=[once, write_receipt], name="shop")
        self.orders = Executor(flow, store=FileStore(self.path, durability="process"))

    def charge(self, order: Order, context: Context) -> Charged:
        self.keys.append(context.idempotency_key)
        if self.ends:
            raise self.ends.pop()
        return Charged(order.cents, "k")

    def run(self, *ends: BaseException) -> None:
        self.ends.extend(ends)
        with suppress(Killed, BuilderError):
            self.orders.run(RUN, Order(500))

    @property
    def journals(self) -> Journals:
        return FileStore(self.path).open("shop")

    def polaris(self, *arguments: str) -> Tuple[int, str, str]:
        self.capsys.readouterr()
        code = main(["runs", *arguments, "--store", str(self.path)])
        said = self.capsys.readouterr()
        return code, said.out, said.err


@pytest.fixture
def shop(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shop:
    return Shop(tmp_path, capsys)


def test_show_tells_what_was_interrupted_since_when_and_its_key(shop: Shop) -> None:
    shop.run(Killed())
    (at,) = [line.at for line in shop.journals.load(RUN) if isinstance(line, Intended)]
    _, out, _ = shop.polaris("show", RUN)
    assert f"interrupted  charge since {at}, idempotency key {shop.keys[0]}\n" in out
    _, out, _ = shop.polaris("show", RUN, "--json")
    (told,) = json.loads(out)["interrupted"]
    assert told == {"by": "charge", "since": at, "from": {"Order": 2}, "idempotency_key": shop.keys[0]}


def test_show_says_that_it_is_running_while_somebody_holds_the_run(shop: Shop) -> None:
    shop.run(Killed())
    with shop.journals.hold(RUN):
        _, out, _ = shop.polaris("show", RUN)
    assert "running   charge since " in out
    assert "interrupted" not in out


@pytest.mark.parametrize("ends", [(), (OSError(),), (RetryAt(datetime.now(timezone.utc)),)])
def test_show_tells_of_no_builder_that_has_ended(ends: Tuple[BaseException, ...], shop: Shop) -> None:
    shop.run(*ends)
    _, out, _ = shop.polaris("show", RUN, "--json")
    assert json.loads(out)["interrupted"] == []


def test_settling_lets_the_builder_be_called_again(shop: Shop) -> None:
    shop.run(Killed())
    with pytest.raises(Interrupted) as caught:
        shop.orders.run(RUN)
    code, out, _ = shop.polaris("settle", RUN, "charge", "--retry")
    assert code == 0
    assert out == f"the next call of run() on {RUN} calls charge again, which was begun at {caught.value.since}\n"
    assert shop.orders.load(RUN).status is Status.DUE
    assert shop.orders.run(RUN).result() == Receipt("500 paid")
    assert len(shop.keys) == 2
    assert len(set(shop.keys)) == 1


def test_settling_tells_in_json_what_it_has_done(shop: Shop) -> None:
    shop.run(Killed())
    code, out, _ = shop.polaris("settle", RUN, "charge", "--retry", "--json")
    told = json.loads(out)
    assert told.pop("since").endswith("Z")
    assert (code, told) == (0, {"run": RUN, "workflow": "shop", "builder": "charge", "settled": "retry"})


def test_what_was_not_interrupted_is_not_settled(shop: Shop) -> None:
    shop.run()
    code, out, err = shop.polaris("settle", RUN, "charge", "--retry")
    assert (code, out) == (2, "")
    assert "builder 'charge' was not interrupted in run 'order-42'; none was" in err


def test_a_name_that_is_wrong_is_told_with_those_that_were_interrupted(shop: Shop) -> None:
    shop.run(Killed())
    before = shop.journals.load(RUN)
    code, _, err = shop.polaris("settle", RUN, "chrge", "--retry")
    assert code == 2
    assert "builder 'chrge' was not interrupted in run 'order-42'; those that were: charge" in err
    assert shop.journals.load(RUN) == before


def test_a_run_that_is_being_run_is_not_settled(shop: Shop) -> None:
    shop.run(Killed())
    with shop.journals.hold(RUN):
        code, _, err = shop.polaris("settle", RUN, "charge", "--retry")
    assert code == 2
    assert "is held by process" in err


def test_settling_says_that_nothing_has_happened_only_where_it_is_told_so(shop: Shop) -> None:
    shop.run(Killed())
    with pytest.raises(SystemExit):
        shop.polaris("settle", RUN, "charge")
    assert "--retry" in shop.capsys.readouterr().err
    with pytest.raises(Interrupted):
        shop.orders.run(RUN)


def test_what_is_fed_meanwhile_stands_before_what_is_settled(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.run(Killed())
    fed: List[str] = []
    put = FileJournals.put

    def feed_first(self: FileJournals, run: str, n: int, lines: Sequence[Kept]) -> object:
        if isinstance(lines_of(list(lines), 0, 1)[0], Released) and not fed:
            fed.append(run)
            shop.orders.feed(RUN, Order(700))
        return put(self, run, n, lines)

    monkeypatch.setattr(FileJournals, "put", feed_first)
    assert shop.polaris("settle", RUN, "charge", "--retry")[0] == 0
    assert shop.orders.run(RUN).result() == Receipt("700 paid")


def test_repair_tells_what_it_has_cut_of_intents(shop: Shop) -> None:
    shop.run(Killed())
    shop.polaris("settle", RUN, "charge", "--retry")
    (path,) = shop.path.rglob("*.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:-2], lines[-2].replace(b"charge", b"chargE"), lines[-1]]))
    code, out, _ = shop.polaris("repair", RUN)
    assert code == 0
    assert "that chargE was begun, which must not happen twice\n" in out
    assert "that charge may be called again\n" in out
