"""Transient data live within one call, are never written, and leave nothing out of date behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Union

import attrs
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from polaris_dsl import (
    BuilderError,
    Context,
    Executor,
    FileStore,
    IncompleteRun,
    Interrupted,
    MemoryStore,
    RetryAt,
    RunLocked,
    Status,
    UnexpectedData,
    Workflow,
    WorkflowError,
    builder,
    workflow,
)
from polaris_dsl._cli._runs_story import story_of
from polaris_dsl.stores import Built, Fed, Line, Rested, Started, Store
from polaris_dsl.stores.sqlite import SqliteStore
from polaris_dsl.testing import VirtualClock
from tests.naive_run import naive_run
from tests.random_workflows import RandomWorkflow, Watch, random_workflows, value

AT = "2026-03-01T09:30:00.000Z"
SECRET = "secret-4711"  # noqa: S105  which nobody needs


@attrs.frozen
class Request:
    cents: int


@attrs.frozen
class Cvv:
    text: object
    """Cannot be encoded: nobody is to try."""


@attrs.frozen
class Otp:
    text: str


@attrs.frozen
class Token:
    text: object


@attrs.frozen
class Held:
    cents: int


@attrs.frozen
class Paid:
    cents: int


@attrs.define(eq=False)
class Bank:
    """Notes every call, and fails when it is told to."""

    calls: List[str] = attrs.field(factory=list)
    keys: List[str] = attrs.field(factory=list)
    down: bool = False
    refuses: object = None
    asked: Callable[[], object] = bool

    @builder
    def tokenize(self, request: Request, cvv: Cvv) -> Token:
        self.calls.append("tokenize")
        if cvv.text == self.refuses:
            raise ValueError
        return Token(cvv.text)

    @builder
    def hold(self, request: Request, token: Token, context: Context) -> Held:
        self.calls.append("hold")
        self.keys.append(context.idempotency_key)
        self.asked()
        if self.down:
            raise ConnectionError("the bank is down")
        return Held(request.cents)

    @builder
    def pay(self, held: Held, otp: Otp) -> Paid:
        self.calls.append("pay")
        return Paid(held.cents)

    @property
    def flow(self) -> Workflow[Paid, Union[Request, Cvv, Otp]]:
        return workflow(
            target=Paid,
            inputs=Union[Request, Cvv, Otp],
            builders=[self.tokenize, self.hold, self.pay],
            transient=Union[Cvv, Token],
        )

    def harvest(self) -> List[str]:
        calls, self.calls = self.calls, []
        return calls


@pytest.fixture(params=["memory", "file", "sqlite"], name="store")
def every_store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "memory":
        return MemoryStore()
    if request.param == "file":
        return FileStore(tmp_path / "runs", durability="process")
    return SqliteStore(tmp_path / "runs.db", durability="process")


def test_a_transient_data_is_there_for_one_call_and_its_products_last(store: Store) -> None:
    bank = Bank()
    with Executor(bank.flow, store=store) as payments:
        run = payments.run("1", Request(3), Cvv(SECRET))
        assert (run.status, run.missing, run[Held]) == (Status.PAUSED, (Otp,), Held(3))
        assert Cvv not in run
        assert Token not in run
        assert dict(run.built) == {Held: Held(3)}
        assert payments.load("1").missing == (Otp,)
        assert payments.run("1", Otp("1")).target == Paid(3)
        assert bank.harvest() == ["tokenize", "hold", "pay"]
        assert payments.run("1").status is Status.COMPLETE
        assert bank.harvest() == []


@pytest.mark.parametrize("durability", ["power", "process"])
def test_its_value_is_never_written(tmp_path: Path, durability: Any) -> None:
    bank = Bank(down=True)
    with Executor(bank.flow, store=FileStore(tmp_path / "runs", durability=durability)) as payments:
        with pytest.raises(BuilderError):
            payments.run("1", Request(3), Cvv(SECRET))
        bank.down = False
        payments.run("1", Cvv(SECRET), Otp("9"))
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"Cvv" in written
    assert SECRET.encode() not in written


def test_a_store_in_memory_has_its_name_alone() -> None:
    store = MemoryStore()
    with Executor(Bank().flow, store=store) as payments:
        payments.run("1", Request(3), Cvv(SECRET))
    lines = store.open("Paid").load("1")
    assert SECRET not in repr(lines)
    fed = next(line for line in lines if isinstance(line, Fed))
    made = next(line for line in lines if isinstance(line, Built))
    assert (fed.transient, made.transient, made.put) == (("Cvv",), ("Token",), ())


def test_a_failed_taker_waits_for_it_and_its_makers_are_called_again(store: Store) -> None:
    bank = Bank(down=True)
    with Executor(bank.flow, store=store) as payments:
        with pytest.raises(BuilderError) as caught:
            payments.run("1", Request(3), Cvv(SECRET), Otp("1"))
        assert caught.value.run.missing == (Cvv,)
        assert payments.run("1").missing == (Cvv,)
        assert bank.harvest() == ["tokenize", "hold"]
        bank.down = False
        assert payments.run("1", Cvv(SECRET)).target == Paid(3)
        assert bank.harvest() == ["tokenize", "hold", "pay"]


def test_newer_data_of_a_taker_withdraws_what_is_out_of_date_until_it_comes_again(store: Store) -> None:
    bank = Bank()
    with Executor(bank.flow, store=store) as payments:
        payments.run("1", Request(3), Cvv(SECRET), Otp("1"))
        run = payments.run("1", Request(5))
        assert (run.status, run.target, run.missing) == (Status.PAUSED, None, (Cvv,))
        assert Held not in payments.load("1")
        assert payments.run("1", Cvv(SECRET)).target == Paid(5)


def test_nothing_is_built_upon_what_is_out_of_date(store: Store) -> None:
    bank = Bank()
    with Executor(bank.flow, store=store) as payments:
        payments.run("1", Request(3), Cvv(SECRET), Otp("1"))
        bank.harvest()
        assert payments.run("1", Request(5), Otp("2")).missing == (Cvv,)
        assert bank.harvest() == []
        assert payments.run("1", Cvv(SECRET)).target == Paid(5)


def test_a_newer_one_builds_again_what_takes_it(store: Store) -> None:
    bank = Bank()
    with Executor(bank.flow, store=store) as payments:
        payments.run("1", Request(3), Cvv("a"), Otp("1"))
        bank.harvest()
        payments.run("1", Cvv("b"))
        assert bank.harvest() == ["tokenize", "hold"]


def test_a_newer_one_that_failed_leaves_nothing_of_the_older_one(store: Store) -> None:
    bank = Bank()
    with Executor(bank.flow, store=store) as payments:
        payments.run("1", Request(3), Cvv("a"), Otp("1"))
        bank.down = True
        with pytest.raises(BuilderError) as caught:
            payments.run("1", Cvv("b"))
        bank.down = False
        for run in (caught.value.run, payments.load("1"), payments.run("1")):
            assert (run.missing, run.get(Held), run.get(Paid)) == ((Cvv,), None, None)
        assert payments.run("1", Cvv("b")).target == Paid(3)


def test_a_newer_one_that_its_first_taker_refused_leaves_nothing_of_the_older_one(store: Store) -> None:
    bank = Bank(refuses="b")
    with Executor(bank.flow, store=store) as payments:
        payments.run("1", Request(3), Cvv("a"), Otp("1"))
        with pytest.raises(BuilderError):
            payments.run("1", Cvv("b"))
        assert (payments.load("1").missing, list(payments.load("1"))) == ((Cvv,), [Request, Otp])
        assert payments.run("1", Cvv("a")).target == Paid(3)


def test_what_is_made_again_as_it_was_is_nothing_new_to_the_outside(store: Store) -> None:
    bank = Bank(down=True)
    keys: List[str] = []

    @builder
    def check(request: Request, cvv: Cvv) -> Hint:
        if cvv.text == "wrong":
            raise ValueError
        return Hint("a token")

    @builder
    def hold(hint: Hint, context: Context) -> Held:
        keys.append(context.idempotency_key)
        return Held(3)

    flow = workflow(
        target=Paid, inputs=Union[Request, Cvv, Otp], builders=[check, hold, bank.pay], transient=Cvv, name="kept"
    )
    with Executor(flow, store=store) as payments:
        assert payments.run("1", Request(3), Cvv("right"), Otp("1")).target == Paid(3)
        with pytest.raises(BuilderError):
            payments.run("1", Cvv("wrong"))
        assert payments.load("1").missing == (Cvv,)
    with Executor(flow, store=store) as payments:
        run = payments.run("1", Cvv("right"))
        assert (run.target, dict(run.built)) == (Paid(3), {Hint: Hint("a token")})
        assert payments.run("1", Request(4)).missing == (Cvv,)
        assert payments.run("1", Cvv("right")).target == Paid(3)
    assert len(keys) == 1
    assert bank.harvest() == ["pay"]


def test_what_is_settled_while_its_inputs_are_set_aside_comes_back_with_them(store: Store) -> None:
    calls: List[int] = []

    @builder
    def check(request: Request, cvv: Cvv) -> Hint:
        return Hint("a token")

    @builder(at_most_once=True)
    def charge(hint: Hint) -> Held:
        calls.append(1)
        raise KeyboardInterrupt

    flow = workflow(target=Held, inputs=Union[Request, Cvv], builders=[check, charge], transient=Cvv)
    with Executor(flow, store=store) as payments:
        with pytest.raises(KeyboardInterrupt):
            payments.run("1", Request(3), Cvv("a"))
        with pytest.raises(Interrupted):
            payments.run("1")
        with pytest.raises(Interrupted):
            payments.run("1", Request(4))
        assert payments.settle("1", charge, Held(3)).missing == (Cvv,)
        assert payments.load("1").target is None
        assert payments.run("1", Cvv("a")).target == Held(3)
    assert calls == [1]


def test_the_idempotency_key_is_the_same_although_it_was_fed_again(store: Store) -> None:
    bank = Bank(down=True)
    with Executor(bank.flow, store=store) as payments:
        for _ in range(2):
            with pytest.raises(BuilderError):
                payments.run("1", Request(3), Cvv(SECRET))
        with pytest.raises(BuilderError):
            payments.run("1", Request(4), Cvv(SECRET))
    assert bank.keys[0] == bank.keys[1] != bank.keys[2]


def test_it_cannot_be_fed_where_no_call_takes_it(store: Store) -> None:
    with Executor(Bank().flow, store=store) as payments:
        with pytest.raises(UnexpectedData, match="Cvv is transient, and lives only within one call of run"):
            payments.feed("1", Request(3), Cvv(SECRET))
        assert list(payments.runs()) == []
        payments.feed("1", Request(3))
        assert payments.run("1", Cvv(SECRET))[Held] == Held(3)


def test_it_waits_with_its_call_where_another_has_the_run(store: Store) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        assert go_on.wait(20)

    bank = Bank(asked=wait)
    with Executor(bank.flow, store=store) as payments:
        first = threading.Thread(target=payments.run, args=("1", Request(3), Cvv("a")))
        first.start()
        assert begun.wait(20)
        with pytest.raises(RunLocked) as caught:
            payments.run("1", Cvv("b"), Otp("1"), wait_s=0)
        assert not caught.value.kept
        with pytest.raises(RunLocked) as caught:
            payments.run("1", Otp("1"), wait_s=0)
        assert caught.value.kept
        second = threading.Thread(target=payments.run, args=("1", Cvv("b")))
        second.start()
        go_on.set()
        first.join()
        second.join()
        assert payments.load("1").target == Paid(3)
    assert bank.calls.count("hold") == 2


def test_a_transient_product_that_is_made_again_as_it_was_within_one_call_is_kept(store: Store) -> None:
    with Executor(Bank().flow, store=store) as others:
        news = [Request(4)]

        def feed() -> None:
            if news:
                others.feed("1", news.pop())

        bank = Bank(asked=feed)
        with Executor(bank.flow, store=store) as payments:
            run = payments.run("1", Request(3), Cvv(SECRET), Otp("1"))
        assert (run.target, bank.harvest()) == (Paid(4), ["tokenize", "hold", "tokenize", "hold", "pay"])
    kept = [
        line.kept for line in store.open("Paid").load("1") if isinstance(line, Built) and "Bank.tokenize" in line.by
    ]
    assert kept == [(), ("Token",)]


def test_a_run_in_memory_has_them_for_as_long_as_it_goes_on() -> None:
    bank = Bank()
    run = bank.flow.run(Request(3), Cvv(SECRET), Otp("1"))
    assert (run.target, run.get(Cvv), run.get(Token)) == (Paid(3), None, None)


KILLED = f"""
import os, signal, sys
from tests.test_transient import Bank, Cvv, Executor, FileStore, Otp, Request
bank = Bank(asked=lambda: os.kill(os.getpid(), signal.SIGKILL))
Executor(bank.flow, store=FileStore(sys.argv[1])).run("1", Request(3), Cvv("{SECRET}"), Otp("1"))
"""


def test_a_call_that_was_killed_leaves_its_name_and_the_run_waits_for_it(tmp_path: Path) -> None:
    root = Path(__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "runs")], cwd=str(root), check=False)
    assert done.returncode == -signal.SIGKILL
    bank = Bank()
    with Executor(bank.flow, store=FileStore(tmp_path / "runs")) as payments:
        run = payments.run("1")
        assert (run.status, run.missing) == (Status.PAUSED, (Cvv,))
        assert bank.harvest() == []
        assert payments.run("1", Cvv(SECRET)).target == Paid(3)
        assert bank.harvest() == ["tokenize", "hold", "pay"]
    assert SECRET not in "".join(path.read_text() for path in tmp_path.rglob("*.jsonl"))


# --- what must not happen twice ------------------------------------------------------------------------------------


class Killed(BaseException):
    """What ends a process in the middle of a call."""


def test_what_was_interrupted_is_told_without_it_and_settled_for_the_last_of_it(store: Store) -> None:
    calls: List[str] = []

    @builder(at_most_once=True)
    def charge(request: Request, cvv: Cvv) -> Held:
        calls.append("charge")
        raise Killed

    flow = workflow(target=Held, inputs=Union[Request, Cvv], builders=[charge], transient=Cvv)
    with Executor(flow, store=store) as payments:
        with pytest.raises(Killed):
            payments.run("1", Request(3), Cvv(SECRET))
        with pytest.raises(Interrupted):
            payments.run("1")
        assert payments.load("1").status is Status.FAILED
        with pytest.raises(Interrupted):
            payments.run("1", Cvv(SECRET))
        assert payments.settle("1", charge, Held(3)).target == Held(3)
        assert payments.run("1").target == Held(3)
        assert calls == ["charge"]


def test_what_must_not_happen_twice_makes_no_transient_data() -> None:
    @builder(at_most_once=True)
    def open_door(request: Request) -> Token:
        return Token("")

    bank = Bank()
    with pytest.raises(WorkflowError, match="the transient Token is made by open_door at most once") as caught:
        workflow(target=Held, inputs=Request, builders=[open_door, bank.hold], transient=Token)
    (found,) = caught.value.diagnostics
    assert (found.code, found.subject, found.item) == ("bad-transient", "Token", "transient")
    assert found.related == (("open_door", open_door.place),)
    assert f"open_door is defined at {Path(__file__).relative_to(Path.cwd())}:{open_door.place.line}" in str(found)
    with pytest.raises(WorkflowError, match=r"the transient Token is made by Bank\.tokenize at most once"):
        bank.flow.replace({bank.tokenize: builder(bank.tokenize, at_most_once=True)})


def test_a_failure_behind_what_is_out_of_date_is_not_told_again(store: Store) -> None:
    broken = [True]

    @builder
    def write_letter(request: Request, cvv: Cvv) -> Letter:
        return Letter(str(request.cents))

    @builder
    def make_key(letter: Letter) -> Key:
        return Key(len(letter.text))

    @builder
    def close(letter: Letter, key: Key) -> Sealed:
        if broken[0]:
            raise ValueError
        return Sealed(letter.text)

    flow = workflow(
        target=Sealed, inputs=Union[Request, Cvv], builders=[write_letter, make_key, close], transient=Union[Cvv, Key]
    )
    with Executor(flow, store=store) as letters:
        with pytest.raises(BuilderError):
            letters.run("1", Request(3), Cvv(SECRET))
        run = letters.run("1", Request(4))
        assert (run.status, run.missing) == (Status.PAUSED, (Cvv,))
        broken.clear()
        broken.append(False)
        assert letters.run("1", Cvv(SECRET)).target == Sealed("4")


def test_what_was_interrupted_is_told_without_a_product_that_it_took(store: Store) -> None:
    @builder(at_most_once=True)
    def charge(request: Request, token: Token) -> Held:
        raise Killed

    bank = Bank()
    flow = workflow(
        target=Held,
        inputs=Union[Request, Cvv],
        builders=[bank.tokenize, charge],
        transient=Union[Cvv, Token],
    )
    with Executor(flow, store=store) as payments:
        with pytest.raises(Killed):
            payments.run("1", Request(3), Cvv(SECRET))
        for _ in range(2):
            with pytest.raises(Interrupted):
                payments.run("1")
            assert payments.load("1").status is Status.FAILED
        assert payments.settle("1", charge, Held(3)).target == Held(3)
        assert bank.harvest() == ["tokenize"]


def test_a_builder_that_asks_to_be_called_later_and_lacks_it_then_wakes_nobody(store: Store) -> None:
    when = datetime(2026, 3, 1, tzinfo=timezone.utc)

    @builder
    def charge(request: Request, cvv: Cvv) -> Held:
        raise RetryAt(when)

    flow = workflow(target=Held, inputs=Union[Request, Cvv], builders=[charge], transient=Cvv)
    with Executor(flow, store=store) as payments:
        run = payments.run("1", Request(3), Cvv(SECRET))
        assert (run.status, run.missing, run.wake_at) == (Status.PAUSED, (Cvv,), None)
        assert payments.wake(when) == ()


def test_a_builder_that_asks_to_be_called_later_has_what_it_lacks_made_again_then(store: Store) -> None:
    when = datetime(2026, 3, 1, tzinfo=timezone.utc)
    clock = VirtualClock(when - timedelta(hours=1))
    calls: List[str] = []

    @builder
    def draw(request: Request) -> Key:
        calls.append("draw")
        return Key(request.cents)

    @builder
    def use(request: Request, key: Key) -> Sealed:
        calls.append("use")
        if clock.now() < when:
            raise RetryAt(when)
        return Sealed(str(key.number))

    flow = workflow(target=Sealed, inputs=Request, builders=[draw, use], transient=Key)
    with Executor(flow, store=store, clock=clock) as letters:
        for _ in range(3):
            run = letters.run("1", Request(3))
            assert (run.status, run.missing, run.wake_at) == (Status.PAUSED, (), when)
        assert letters.load("1").status is Status.PAUSED
        assert calls == ["draw", "use"]
        clock.advance(3600)
        assert [run.target for run in letters.wake()] == [Sealed("3")]
        assert calls == ["draw", "use", "draw", "use"]


def test_newer_data_makes_due_who_asked_to_be_called_later_and_lacks_it(store: Store) -> None:
    calls: List[str] = []

    @builder
    def draw(request: Request) -> Key:
        calls.append("draw")
        return Key(request.cents)

    @builder
    def use(key: Key) -> Sealed:
        calls.append("use")
        if key.number == 1:
            raise RetryAt(datetime(2126, 3, 1, tzinfo=timezone.utc))
        return Sealed(str(key.number))

    flow = workflow(target=Sealed, inputs=Request, builders=[draw, use], transient=Key)
    with Executor(flow, store=store) as letters:
        assert letters.run("1", Request(1)).status is Status.PAUSED
        assert letters.run("1", Request(2)).target == Sealed("2")
    assert calls == ["draw", "use", "draw", "use"]


def test_a_builder_that_took_it_and_returned_nothing_is_named(store: Store) -> None:
    @builder
    def check(request: Request, cvv: Cvv) -> Optional[Held]:
        return None

    flow = workflow(target=Held, inputs=Union[Request, Cvv], builders=[check], transient=Cvv)
    with Executor(flow, store=store) as payments:
        for run in (payments.run("1", Request(3), Cvv(SECRET)), payments.load("1")):
            assert (run.status, run.missing, run.silent) == (Status.PAUSED, (), ("check",))


def test_it_is_named_beside_another_input_that_its_taker_still_lacks(store: Store) -> None:
    @builder
    def charge(request: Request, otp: Otp, cvv: Cvv) -> Held:
        return Held(request.cents)

    flow = workflow(target=Held, inputs=Union[Request, Cvv, Otp], builders=[charge], transient=Cvv)
    with Executor(flow, store=store) as payments:
        assert payments.run("1", Request(3)).missing == (Cvv, Otp)
        for run in (payments.run("1", Cvv(SECRET)), payments.load("1"), payments.run("1")):
            assert run.missing == (Cvv, Otp)
            with pytest.raises(IncompleteRun, match="it waits for Cvv, Otp: feed it to the same run"):
                run.result()
        story = story_of(list(store.open("Held").load("1")))
        assert {datum.name for datum in story.data if datum.state == "present"} == {"Request"}
        assert payments.run("1", Otp("1")).missing == (Cvv,)
        assert payments.run("1", Cvv(SECRET)).target == Held(3)


def test_it_is_named_where_what_was_made_of_it_has_gone_and_its_taker_lacks_another(store: Store) -> None:
    @builder
    def tokenize(request: Request, cvv: Cvv) -> Token:
        return Token(cvv.text)

    @builder
    def draw(request: Request) -> Optional[Key]:
        return Key(1) if request.cents else None

    @builder
    def hold(token: Token, key: Key) -> Held:
        return Held(key.number)

    flow = workflow(
        target=Held,
        inputs=Union[Request, Cvv],
        builders=[tokenize, draw, hold],
        transient=Union[Cvv, Token],
    )
    with Executor(flow, store=store) as payments:
        for run in (payments.run("1", Request(0), Cvv(SECRET)), payments.load("1")):
            assert (run.missing, run.silent) == ((Cvv,), ("draw",))
        assert payments.run("1", Request(1), Cvv(SECRET)).target == Held(1)


def test_it_is_not_named_for_a_builder_that_leads_nowhere(store: Store) -> None:
    @builder
    def note(request: Request, cvv: Cvv) -> Guess:
        raise ConnectionError

    @builder
    def hold(request: Request, otp: Otp) -> Held:
        return Held(1)

    flow = workflow(target=Held, inputs=Union[Request, Cvv, Otp], builders=[note, hold], transient=Cvv)
    with Executor(flow, store=store) as payments:
        with pytest.raises(BuilderError) as caught:
            payments.run("1", Request(3), Cvv(SECRET))
        assert caught.value.run.missing == (Otp,)


def test_a_failure_says_what_has_to_be_fed_again(store: Store) -> None:
    with Executor(Bank(down=True).flow, store=store) as payments:
        with pytest.raises(BuilderError) as caught:
            payments.run("1", Request(3), Cvv(SECRET))
        assert caught.value.again == ("Cvv",)
        assert str(caught.value).splitlines()[-1] == (
            "  its inputs are kept, but for Cvv: the next call of run('1') that is fed that again tries it again"
        )
    with pytest.raises(BuilderError, match="nothing is kept of a run in memory: the next one begins anew"):
        Bank(down=True).flow.run(Request(3), Cvv(SECRET), Otp("1"))


# --- what is set aside -----------------------------------------------------------------------------------------------


@attrs.frozen
class Checked:
    text: str


@attrs.frozen
class Refused:
    text: str


@attrs.frozen
class Guess:
    text: str


@attrs.define(eq=False)
class Network:
    """Checks a CVV: `good` passes, `bad` does not, and it is down for any other."""

    calls: List[str] = attrs.field(factory=list)

    @builder
    def check(self, request: Request, cvv: Cvv) -> Union[Checked, Refused]:
        if cvv.text == "good":
            return Checked("a token")
        if cvv.text == "bad":
            return Refused("wrong CVV")
        raise ConnectionError

    @builder
    def seal(self, checked: Checked) -> Token:
        self.calls.append("seal")
        return Token(checked.text)

    @builder
    def hold(self, token: Token) -> Held:
        self.calls.append("hold")
        return Held(3)

    @builder
    def guess(self, request: Request, checked: Optional[Checked]) -> Guess:
        self.calls.append("guess")
        return Guess(checked.text if checked else "?")

    @builder
    def pay(self, held: Held, otp: Otp) -> Paid:
        assert isinstance(held, Held)
        self.calls.append("pay")
        return Paid(held.cents)

    @property
    def flow(self) -> Workflow[Union[Paid, Refused], Union[Request, Cvv, Otp]]:
        return workflow(
            name="checked",
            target=Union[Paid, Refused],
            inputs=Union[Request, Cvv, Otp],
            builders=[self.check, self.seal, self.hold, self.guess, self.pay],
            transient=Union[Cvv, Token],
        )

    def harvest(self) -> List[str]:
        calls, self.calls = sorted(self.calls), []
        return calls


def refuse(payments: Executor[Any, Any], *data: object) -> None:
    with pytest.raises(BuilderError):
        payments.run("1", Cvv("neither"), *data)


def test_what_was_set_aside_comes_back_over_transient_data_and_nothing_is_called(store: Store) -> None:
    network = Network()
    with Executor(network.flow, store=store) as payments:
        payments.run("1", Request(3), Cvv("good"), Otp("1"))
        assert network.harvest() == ["guess", "hold", "pay", "seal"]
        refuse(payments)
        assert set(payments.load("1")) == {Request, Otp, Guess}
        assert payments.run("1", Cvv("good")).target == Paid(3)
        assert network.harvest() == []
        assert payments.run("1").target == Paid(3)
        assert payments.load("1")[Held] == Held(3)
        assert network.harvest() == []


def test_what_comes_back_is_given_to_builders_as_it_was(store: Store) -> None:
    network = Network()
    with Executor(network.flow, store=store) as payments:
        payments.run("1", Request(3), Cvv("good"), Otp("1"))
        network.harvest()
        payments.feed("1", Request(4), Otp("2"))
    with Executor(network.flow, store=store) as payments:
        assert payments.run("1", Cvv("good")).target == Paid(3)
        assert network.harvest() == ["guess", "pay"]


def test_what_was_set_aside_does_not_come_back_when_something_else_was_made_in_between(store: Store) -> None:
    network = Network()
    with Executor(network.flow, store=store) as payments:
        payments.run("1", Request(3), Cvv("good"), Otp("1"))
        refuse(payments)
        assert payments.run("1", Cvv("bad")).target == Refused("wrong CVV")
        network.harvest()
        assert payments.run("1", Cvv("good")).target == Paid(3)
        assert network.harvest() == ["guess", "hold", "pay", "seal"]


def test_what_others_have_built_of_it_stays(store: Store) -> None:
    calls: List[str] = []

    @builder
    def tokenize(request: Request, cvv: Cvv) -> Token:
        calls.append("tokenize")
        return Token(cvv.text)

    @builder
    def note(token: Token) -> Guess:
        return Guess(str(token.text))

    @builder
    def pay(token: Token, otp: Optional[Otp]) -> Paid:
        return Paid(3)

    flow = workflow(
        name="noted",
        target=Paid,
        inputs=Union[Request, Cvv, Otp],
        builders=[tokenize, note, pay],
        transient=Union[Cvv, Token],
    )
    with Executor(flow, store=store) as payments:
        payments.run("1", Request(3), Cvv("a"), Otp("1"))
        run = payments.run("1", Otp("2"))
        assert (run.missing, run.get(Paid), run.get(Guess)) == ((Cvv,), None, Guess("a"))
        run = payments.run("1", Cvv("a"))
        assert (run.target, set(run.built)) == (Paid(3), {Guess, Paid})
        assert calls == ["tokenize"] * 2


class Racing:
    """Journals in which somebody else feeds the run just before it is noted that a call did not come to its end."""

    def __init__(self, journals: Any, feed: Callable[[], object]) -> None:
        self._journals = journals
        self._feed: Optional[Callable[[], object]] = feed

    def append(self, run: str, expected_n: int, lines: Sequence[Line]) -> Sequence[Line]:
        if lines[0].__class__ is Rested and self._feed is not None:
            feed, self._feed = self._feed, None
            feed()
        appended: Sequence[Line] = self._journals.append(run, expected_n, lines)
        return appended

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journals, name)


@attrs.frozen
class RacingStore:
    store: Store
    feed: Callable[[], object]

    @property
    def encoded(self) -> bool:
        return self.store.encoded

    def open(self, workflow: str, /) -> Any:
        return Racing(self.store.open(workflow), self.feed)


@pytest.mark.parametrize("ended", [False, True])
def test_a_run_may_be_fed_while_what_a_killed_call_had_is_let_go(store: Store, ended: bool) -> None:  # noqa: FBT001
    bank = Bank(down=True)
    journals = store.open("Paid")
    journals.append("1", 0, [Started(AT, "1", "Paid", "g"), Fed(AT, (), ("Cvv",))])
    with Executor(bank.flow, store=store) as others:

        def meanwhile() -> None:
            if ended:
                journals.append("1", 2, [Rested(AT, "due")])
            others.feed("1", Request(3))

        bank.down = False
        with Executor(bank.flow, store=RacingStore(store, meanwhile)) as payments:
            assert payments.run("1", Otp("1")).missing == (Cvv,)
            assert payments.run("1", Cvv("a")).target == Paid(3)


# --- an optional one -------------------------------------------------------------------------------------------------


@attrs.frozen
class Hint:
    text: str


@builder
def guess(request: Request, hint: Optional[Hint]) -> Guess:
    return Guess(f"{request.cents} {hint.text if hint else '?'}")


GUESSES = workflow(target=Guess, inputs=Union[Request, Hint], builders=[guess], transient=Hint)


def test_that_an_optional_one_has_gone_builds_nothing_again(store: Store) -> None:
    with Executor(GUESSES, store=store) as guesses:
        assert guesses.run("1", Request(1), Hint("a")).target == Guess("1 a")
        assert guesses.run("1").target == Guess("1 a")
        assert guesses.load("1").status is Status.COMPLETE
        assert guesses.run("1", Request(2)).target == Guess("2 ?")
        assert guesses.run("1").built == {}
        assert guesses.run("1", Hint("a")).target == Guess("2 a")


# --- one that a builder makes ----------------------------------------------------------------------------------------


@attrs.frozen
class Note:
    text: str


@attrs.frozen
class Letter:
    text: str


@attrs.frozen
class Key:
    number: int


@attrs.frozen
class Sealed:
    text: str


@builder
def write(request: Request, note: Optional[Note]) -> Letter:
    return Letter(f"{request.cents} {note.text if note else ''}")


@builder
def draw_key(request: Request) -> Key:
    return Key(request.cents * 7)


@builder
def seal(letter: Letter, key: Key) -> Sealed:
    return Sealed(f"{letter.text}, {key.number}")


LETTERS = workflow(target=Sealed, inputs=Union[Request, Note], builders=[write, draw_key, seal], transient=Key)


def test_what_goes_out_of_date_on_the_way_has_its_makers_called_again(store: Store) -> None:
    with Executor(LETTERS, store=store) as letters:
        assert letters.run("1", Request(1)).target == Sealed("1 , 7")
        run = letters.run("1", Note("at once"))
        assert run.target == Sealed("1 at once, 7")
        assert dict(run.built) == {Letter: Letter("1 at once"), Sealed: Sealed("1 at once, 7")}
        assert letters.run("1").built == {}


def test_what_is_to_be_made_again_is_not_made_of_what_has_gone_in_the_same_call(store: Store) -> None:
    drawn_for: List[object] = []

    @builder
    def write_letter(request: Request) -> Optional[Letter]:
        return Letter("yes") if request.cents < 100 else None

    @builder
    def draw(letter: Letter, note: Note) -> Key:
        drawn_for.append(letter)
        return Key(7)

    @builder
    def close(key: Key, note: Note) -> Sealed:
        return Sealed(f"{key.number} {note.text}")

    letters: Workflow[Sealed, Union[Request, Note]] = workflow(
        target=Sealed, inputs=Union[Request, Note], builders=[write_letter, draw, close], transient=Key
    )
    with Executor(letters, store=store) as runs:
        assert runs.run("1", Request(5), Note("a")).target == Sealed("7 a")
        assert runs.run("1", Request(500), Note("b")).target is None
    assert drawn_for == [Letter("yes")]


# --- any workflow ----------------------------------------------------------------------------------------------------

STORY = settings(
    max_examples=6000 if os.environ.get("POLARIS_LONG") else 120,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


def some_transient(flow: RandomWorkflow, draw: st.DataObject) -> Sequence[type]:
    """Draw data of a workflow that may be transient; none that is an optional, for what comes of it depends on when."""
    never = {data for shape in flow.shapes for data in (*shape.optionals, *shape.accesses)} | set(flow.target)
    pool = [data for data in flow.data if data not in never]
    chosen = draw.draw(st.lists(st.sampled_from(pool), unique=True, min_size=1, max_size=3)) if pool else []
    allowed: List[type] = []
    for data in chosen:
        with suppress(WorkflowError):
            flow.real(Watch(), transient=[*allowed, data])
            allowed.append(data)
    return allowed


@attrs.define
class Player:
    """Makes calls of one run, and checks after each that nothing of what is there is out of date."""

    flow: RandomWorkflow
    store: Store
    transient: Sequence[type]
    watch: Watch = attrs.field(factory=Watch)
    fed: Dict[type, object] = attrs.field(factory=dict)
    sure: bool = attrs.field(init=False)
    """Whether all that is there must be so for good, for nothing was built because something failed or was absent."""
    executor: Executor[Any, Any] = attrs.field(init=False)
    name: str = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.sure = not any(shape.optionals for shape in self.flow.shapes)
        self.renew(1)

    def renew(self, max_workers: int) -> None:
        real = self.flow.real(self.watch, transient=self.transient)
        self.name = real.name
        self.executor = Executor(real, store=self.store, max_workers=max_workers)

    def feed(self, values: Dict[type, object]) -> None:
        self.executor.feed("1", *values.values())
        self.fed.update(values)

    def run(self, values: Dict[type, object], *, unlucky: bool = False) -> Mapping[type, object]:
        self.fed.update(values)
        self.watch.tries = {shape.name: int(unlucky) for shape in self.flow.shapes}
        with suppress(BuilderError):
            self.executor.run("1", *values.values())
        found = self.executor.load("1")
        held: Mapping[type, object] = {data: found[data] for data in found}
        assert not set(self.transient) & set(held)
        if not any(shape.optionals for shape in self.flow.shapes):
            told = story_of(self.store.open(self.name).load("1"))
            assert {one.name for one in told.data if one.state == "present"} == {data.__name__ for data in held}
        self.sure = self.sure and not unlucky
        if self.sure:
            right = self.right()
            assert all(data in right and right[data] == held[data] for data in held)
        return held

    def versions(self, data: Sequence[type]) -> Sequence[int]:
        """Return the versions of data, which tell whether something is new."""
        state = self.executor._runs.state("1")
        return [state.version[state.plan.slots[one]] for one in data]

    def right(self) -> Mapping[type, object]:
        """Return what all that was fed leads to."""
        data = naive_run(self.flow.naive, self.fed).data
        return {one: data[one] for one in data if one not in self.transient}


def check_story(flow: RandomWorkflow, draw: st.DataObject, store: Store) -> None:
    player = Player(flow, store, some_transient(flow, draw))
    assume(player.transient)
    numbers = st.dictionaries(st.sampled_from(flow.inputs), st.integers(0, 2), max_size=len(flow.inputs))
    for _ in range(draw.draw(st.integers(1, 5))):
        values = {data: value(data, number) for data, number in draw.draw(numbers).items()}
        if draw.draw(st.booleans()):
            player.renew(draw.draw(st.sampled_from([1, 3])))
        if draw.draw(st.booleans()) and not set(values) & set(player.transient):
            player.feed(values)
        else:
            player.run(values, unlucky=draw.draw(st.integers(0, 3)) == 3)
    player.run({data: value(data, 1) for data in flow.inputs if data not in player.fed})
    held = player.run({data: player.fed[data] for data in flow.inputs if data in player.transient})
    assert held == player.right()


@STORY
@given(random_workflows(), st.data())
def test_what_lasts_depends_on_the_last_values_alone(flow: RandomWorkflow, draw: st.DataObject) -> None:
    check_story(flow, draw, MemoryStore())


@STORY
@given(random_workflows(), st.data())
def test_what_was_set_aside_comes_back_as_it_was_and_is_nothing_new(flow: RandomWorkflow, draw: st.DataObject) -> None:
    player = Player(flow, MemoryStore(), some_transient(flow, draw))
    fed = {data: value(data, draw.draw(st.integers(0, 2))) for data in flow.inputs}
    again = {data: fed[data] for data in flow.inputs if data in player.transient}
    assume(again and player.sure)  # what has an optional is built without what was set aside, and then again
    player.run(fed)
    lasting = [data for data in player.run(again) if data not in flow.inputs]
    before = player.versions(lasting)
    for _ in range(draw.draw(st.integers(1, 2))):
        player.run(again, unlucky=True)
    player.run(again)
    assert player.versions(lasting) == before


@STORY
@given(random_workflows(), st.data())
def test_so_it_does_with_a_journal(
    tmp_path_factory: pytest.TempPathFactory, flow: RandomWorkflow, draw: st.DataObject
) -> None:
    check_story(flow, draw, FileStore(tmp_path_factory.mktemp("runs"), durability="process"))
