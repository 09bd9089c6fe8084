"""The payments example: its services, its story, killed and started again, and what it leaves on disk."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from collections import Counter
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Callable, Dict, Iterable, Iterator, List, Tuple

import attrs
import pytest
from cryptography.exceptions import InvalidTag

from examples.payments import bank, make_orders, vault
from examples.payments.bank import Bank, one_time_password
from examples.payments.cards import Cards
from examples.payments.checkout import place
from examples.payments.crowd import ROUNDS
from examples.payments.data import (
    Authorized,
    Cvv,
    EncryptedCard,
    Instrument,
    Invoice,
    Otp,
    Payment,
    PaymentCompleted,
    PaymentDeclined,
    PaymentRequest,
    SealedCard,
    Verified,
)
from examples.payments.database import Database
from examples.payments.keys import Keyring
from examples.payments.later import deliver
from examples.payments.network import GatewayTimeout, WrongCvv, carry_answer
from examples.payments.orders import FILE, CardOrder, NetbankingOrder, read_orders
from examples.payments.shop import KEY_FILE, Shop, open_shop
from polaris_dsl import BuilderError, Context, Status

REPOSITORY = FILE.parents[2]
ROWS = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]
KEYS = Keyring(b"k" * 32)
PAYMENT = Payment("A-001", Decimal("10.00"))
CVV = Cvv("123")
INSTRUMENT = Instrument("tok_1", "card ending in 1111")


# --- the orders ------------------------------------------------------------------------------------------------------


def test_the_orders_in_the_repository_are_what_the_generator_writes():
    assert FILE.read_text(encoding="utf-8") == make_orders.text()


def test_the_orders_hold_every_kind_of_customer():
    assert len(ROWS) >= 240
    assert len({row["order"] for row in ROWS}) == len(ROWS)
    kinds = Counter(kind for row in ROWS for kind in kinds_of(row))
    assert set(kinds) == {
        *("card", "no funds", "first OTP wrong", "three OTPs wrong", "one OTP wrong, then none", "OTP twice", "no OTP"),
        *("netbanking", "webhook twice", "rejected", "no webhook"),
    }
    assert min(kinds.values()) >= 3


def kinds_of(row: Dict[str, List[str]]) -> Iterator[str]:
    yield "card" if "card" in row else "netbanking"
    if has_no_funds(row):
        yield "no funds"
    elif "card" in row:
        right = [typed == one_time_password(str(row["order"])) for typed in row["otps"]]
        yield from {
            (False, True): ["first OTP wrong"],
            (False, False, False): ["three OTPs wrong"],
            (False,): ["one OTP wrong, then none"],
            (True, True): ["OTP twice"],
            (): ["no OTP"],
        }.get(tuple(right), [])
    else:
        yield from {
            ("approved", "approved"): ["webhook twice"],
            ("rejected",): ["rejected"],
            (): ["no webhook"],
        }.get(tuple(row["webhooks"]), [])


def has_no_funds(row: Dict[str, List[str]]) -> bool:
    return str(row["amount"]).endswith(".05")


def test_card_numbers_have_sixteen_digits_and_the_right_last_one():
    assert all(re.fullmatch(r"\d{3}", row["cvv"]) and row["cvv"] != "000" for row in ROWS if "card" in row)
    numbers = [row["card"] for row in ROWS if "card" in row]
    assert all(re.fullmatch(r"\d{16}", number) for number in numbers)
    assert all(make_orders.check_digit(number[:-1]) == number[-1] for number in numbers)
    assert make_orders.check_digit("411111111111111") == "1"
    assert make_orders.check_digit("37828224631000") == "5"


# --- the services, without any workflow ------------------------------------------------------------------------------


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Database]:
    with Database(tmp_path / "bank.sqlite", schema=bank.SCHEMA) as database:
        yield database


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with open_shop(tmp_path / "state") as opened:
        yield opened


def asking(key: str) -> Context:
    return Context(run_id="A-001", builder="Bank.process_payment", idempotency_key=key)


def authorize(at: Bank, key: str, *, payment: Payment = PAYMENT) -> Authorized:
    for _ in range(ROUNDS):
        with contextlib.suppress(GatewayTimeout):
            answer = at.process_payment(payment, INSTRUMENT, asking(key))
            assert isinstance(answer, Authorized)
            return answer
    raise AssertionError("the bank never answered")


def count(database: Database, table: str) -> int:
    with database.transaction() as db:
        (number,) = db.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 - a name from this file
    return int(number)


def test_the_key_file_is_made_once_and_is_for_its_owner_only(tmp_path: Path):
    first = Keyring.open(tmp_path / "key")
    assert Keyring.open(tmp_path / "key") == first
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [tmp_path / "key"]
    assert "secret" not in repr(first)


def test_a_card_sealed_twice_is_equal_data_and_opens_for_its_own_order_only():
    cards = Cards(KEYS)
    sealed = cards.seal("4111111111111111", order_id="A-001")
    assert cards.seal("4111111111111111", order_id="A-001") == sealed
    first, other = (read_orders()[index].request for index in (0, 1))
    assert cards.encrypt_card(first, sealed).last_digits == "1111"
    with pytest.raises(InvalidTag):
        cards.encrypt_card(other, sealed)


def test_the_vault_gives_a_card_one_token_whatever_order_it_pays(tmp_path: Path):
    cards = Cards(KEYS)
    requests = [order.request for order in read_orders()[:2]]
    encrypted = [
        cards.encrypt_card(request, cards.seal("4111111111111111", order_id=request.order_id)) for request in requests
    ]
    with Database(tmp_path / "vault.sqlite", schema=vault.SCHEMA) as database:
        tokens = vault.Vault(database)
        first = tokens.tokenize_card(encrypted[0], CVV)
        assert tokens.tokenize_card(encrypted[1], CVV) == first
        assert tokens.tokenize_card(EncryptedCard("00", "another", "0002"), CVV) != first


def test_the_bank_holds_the_amount_once_for_a_key_and_again_for_another(ledger: Database):
    at = Bank(ledger, KEYS)
    assert authorize(at, "k1") == authorize(at, "k1")
    assert count(ledger, "holds") == 1
    authorize(at, "k2")
    assert count(ledger, "holds") == 2


def test_a_lost_answer_leaves_the_hold_in_the_ledger(ledger: Database):
    lost = next(order for order in read_orders() if is_lost(order.id))
    with pytest.raises(GatewayTimeout):
        Bank(ledger, KEYS).process_payment(Payment(lost.id, Decimal(10)), INSTRUMENT, asking("k1"))
    assert count(ledger, "holds") == 1


def is_lost(order_id: str, *, asked: int = 1) -> bool:
    try:
        carry_answer(order_id, asked=asked)
    except GatewayTimeout:
        return True
    return False


def test_a_hold_is_charged_once(ledger: Database):
    at = Bank(ledger, KEYS)
    held = authorize(at, "k1")
    assert at.complete(PAYMENT, held, Verified("A-001")) == at.complete(PAYMENT, held, Verified("A-001"))
    assert at.charges() == {"A-001": (Decimal("10.00"),)}
    at.complete(PAYMENT, authorize(at, "k2"), Verified("A-001"))
    assert at.charges() == {"A-001": (Decimal("10.00"), Decimal("10.00"))}


def test_a_wrong_otp_makes_nothing_and_the_third_declines(ledger: Database):
    at = Bank(ledger, KEYS)

    def verify(typed: str, attempt: int) -> object:
        return at.verify_otp(PAYMENT, Authorized("k1"), at.otp(typed, order_id="A-001", attempt=attempt))

    assert verify("WRONG", 1) is None
    assert verify(one_time_password("A-001"), 2) == verify(one_time_password("A-001"), 3) == Verified("A-001")
    assert verify("WRONG", 3) == PaymentDeclined("wrong OTP")
    assert verify(one_time_password("A-002"), 1) is None


# --- the workflows, in this process ----------------------------------------------------------------------------------


def persist(act: Callable[[], object]) -> None:
    for _ in range(ROUNDS):
        with contextlib.suppress(BuilderError):
            act()
            return
    raise AssertionError("it failed in every round")


def card_order(*typed: str) -> CardOrder:
    """Return an order whose customer has funds, and types OTPs that are `right` or `wrong`."""
    return next(
        order
        for order in read_orders()
        if isinstance(order, CardOrder)
        and bank.has_funds(order.request.amount)
        and typed == tuple("right" if otp == one_time_password(order.id) else "wrong" for otp in order.otps)
    )


def test_a_payment_waits_for_its_otp_then_for_a_right_one(shop: Shop):
    order = card_order("wrong", "right")
    persist(partial(place, shop, order))
    assert shop.load(order).missing == (Otp,)
    run = shop.card.run(order.id, shop.bank.otp(order.otps[0], order_id=order.id, attempt=1))
    assert (run.status, run.missing, run.silent) == (Status.PAUSED, (), ("Bank.verify_otp",))
    run = shop.card.run(order.id, shop.bank.otp(order.otps[1], order_id=order.id, attempt=2))
    assert isinstance(run.result(), PaymentCompleted)
    assert shop.invoices.file(order.id).read_text(encoding="utf-8").splitlines()[0] == f"Invoice INV-{order.id}"


def test_what_comes_twice_changes_nothing(shop: Shop):
    order = next(order for order in read_orders() if isinstance(order, NetbankingOrder) and len(order.webhooks) == 2)
    for act in (place, deliver, place, deliver):
        persist(partial(act, shop, order))
    assert shop.netbanking.run(order.id, order.webhooks[1]).built == {}
    assert len(shop.bank.charges()[order.id]) == 1


def test_the_right_otp_typed_again_changes_nothing_behind_it(shop: Shop):
    order = card_order("right", "right")
    persist(partial(place, shop, order))
    assert PaymentCompleted in shop.card.run(order.id, shop.bank.otp(order.otps[0], order_id=order.id, attempt=1)).built
    again = shop.card.run(order.id, shop.bank.otp(order.otps[1], order_id=order.id, attempt=2))
    assert set(again.built) <= {Verified}
    assert isinstance(again.target, PaymentCompleted)


def test_a_corrected_name_writes_a_new_invoice_and_pays_nothing(shop: Shop):
    order = card_order("right")
    persist(partial(place, shop, order))
    persist(partial(deliver, shop, order))
    request = order.request
    corrected = PaymentRequest(request.order_id, request.placed, "Zo\u00eb Berger", request.amount)
    run = shop.card.run(order.id, corrected)
    assert not {PaymentCompleted, Authorized} & set(run.built)
    assert "Zo\u00eb Berger" in shop.invoices.file(order.id).read_text(encoding="utf-8")
    assert (count(shop.bank.ledger, "holds"), count(shop.bank.ledger, "charges")) == (1, 1)
    assert Invoice in run


def test_a_second_start_does_not_type_an_old_otp_again(shop: Shop, tmp_path: Path):
    order = card_order("wrong", "right")
    persist(partial(place, shop, order))
    persist(partial(deliver, shop, order))
    (journal,) = tmp_path.rglob("*.jsonl")
    fed = journal.read_text(encoding="utf-8").count('"op":"feed"')
    persist(partial(deliver, shop, order))
    assert journal.read_text(encoding="utf-8").count('"op":"feed"') == fed == 3
    assert isinstance(shop.load(order).target, PaymentCompleted)


def test_a_cvv_that_the_network_refuses_has_to_be_fed_anew(shop: Shop):
    order = card_order("right")
    with pytest.raises(BuilderError) as caught:
        place(shop, attrs.evolve(order, cvv="000"))
    assert isinstance(caught.value.__cause__, WrongCvv)
    assert caught.value.run.missing == (Cvv, Otp)
    persist(partial(place, shop, order))
    assert shop.load(order).missing == (Otp,)


def test_a_cvv_that_went_with_a_process_is_asked_for_again(shop: Shop):
    order = card_order("right")
    run = shop.card.run(order.id, order.request, shop.cards.seal(order.number, order_id=order.id))
    assert run.missing == (Cvv, Otp)
    persist(partial(deliver, shop, order))
    assert isinstance(shop.load(order).target, PaymentCompleted)


def test_a_form_that_is_sent_again_and_then_refused_holds_the_amount_once(shop: Shop):
    order = card_order("right")
    persist(partial(place, shop, order))
    with pytest.raises(BuilderError):
        place(shop, attrs.evolve(order, cvv="000"))
    persist(partial(place, shop, order))
    persist(partial(deliver, shop, order))
    assert isinstance(shop.load(order).target, PaymentCompleted)
    assert (count(shop.bank.ledger, "holds"), count(shop.bank.ledger, "charges")) == (1, 1)


def test_nobody_sees_the_digits_of_a_cvv():
    assert "123" not in repr(CVV)


# --- the story, in real processes ------------------------------------------------------------------------------------

FINAL_ROWS = (
    *("completed", "declined", "still waiting", "failed"),
    *("invoices written", "charges at the bank", "euros charged"),
)
Final = Dict[str, Tuple[str, ...]]


def command(folder: Path, *, orders: int) -> List[str]:
    return [sys.executable, "-m", "examples.payments", "--state", str(folder), "--orders", str(orders)]


def tell(folder: Path, *options: str, orders: int = len(ROWS)) -> str:
    story = subprocess.run(
        [*command(folder, orders=orders), *options],
        cwd=str(REPOSITORY),
        env={**os.environ, "PYTHONIOENCODING": "utf-8", "COLUMNS": "80"},
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=True,
        timeout=120,
    )
    return story.stdout


def final(story: str) -> Final:
    lines = [re.split(r"\s{2,}", line.strip()) for line in story.partition("How it ended")[2].splitlines()]
    return {title: tuple(numbers) for title, *numbers in lines if title in FINAL_ROWS}


def expected(rows: Iterable[Dict[str, List[str]]]) -> Final:
    """Work out the table from the orders alone."""
    sums = {title: [Decimal(0), Decimal(0)] for title in FINAL_ROWS}
    for row in rows:
        column = 0 if "card" in row else 1
        fate = fate_of(row)
        sums[fate][column] += 1
        if fate == "completed":
            sums["invoices written"][column] += 1
            sums["charges at the bank"][column] += 1
            sums["euros charged"][column] += Decimal(str(row["amount"]))
    return {title: tuple(f"{number:,}" for number in (*columns, sum(columns))) for title, columns in sums.items()}


def fate_of(row: Dict[str, List[str]]) -> str:
    if has_no_funds(row) or row.get("webhooks", [])[-1:] == ["rejected"]:
        return "declined"
    if row.get("webhooks") or one_time_password(str(row["order"])) in row.get("otps", [])[:3]:
        return "completed"
    return "declined" if len(row.get("otps", [])) == 3 else "still waiting"


def ledger_rows(folder: Path, table: str) -> int:
    """Count from outside, while the example is running."""
    with contextlib.suppress(sqlite3.OperationalError), contextlib.closing(
        sqlite3.connect(f"file:{folder / 'bank.sqlite'}?mode=ro", uri=True)
    ) as db:
        return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 - a name from this file
    return 0


def doubled(folder: Path, table: str) -> List[str]:
    with contextlib.closing(sqlite3.connect(str(folder / "bank.sqlite"))) as db:
        counts = db.execute(f"SELECT order_id FROM {table} GROUP BY order_id HAVING count(*) > 1")  # noqa: S608
        return [order_id for (order_id,) in counts]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Tuple[Path, str]:
    folder = tmp_path_factory.mktemp("payments") / "state"
    return folder, tell(folder)


def test_the_story_ends_with_the_table_that_the_orders_ask_for(told: Tuple[Path, str]):
    folder, story = told
    assert final(story) == expected(ROWS)
    assert doubled(folder, "holds") == doubled(folder, "charges") == []
    assert "waits for Otp" in story
    assert "Bank.verify_otp made nothing" in story


def test_in_a_pipe_the_story_is_plain_text_of_eighty_columns(told: Tuple[Path, str]):
    _, story = told
    assert "\x1b" not in story
    assert "\r" not in story
    assert max(len(line) for line in story.splitlines() if "payments" not in line) <= 80


def test_started_again_it_ends_with_the_same_table_and_asks_the_bank_for_nothing(told: Tuple[Path, str]):
    folder, story = told
    before = bank_contents(folder)
    assert final(tell(folder)) == final(story)
    assert bank_contents(folder) == before


def bank_contents(folder: Path) -> List[Tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(str(folder / "bank.sqlite"))) as db:
        return [*db.execute("SELECT * FROM holds ORDER BY key"), *db.execute("SELECT * FROM charges ORDER BY hold")]


@pytest.mark.parametrize(
    ("kill", "table", "rows"),
    [
        pytest.param(os.kill, "holds", 1, id="while the first orders are placed"),
        pytest.param(os.kill, "holds", 37, id="while orders are placed"),
        pytest.param(os.kill, "charges", 1, id="while OTPs arrive, and the second process goes on"),
        pytest.param(os.kill, "charges", 23, id="while more OTPs arrive, and the second process goes on"),
        pytest.param(os.killpg, "charges", 1, id="both processes, while OTPs arrive"),
        pytest.param(os.killpg, "charges", 23, id="both processes, while more OTPs arrive"),
    ],
)
def test_killed_in_the_middle_and_started_again_it_ends_with_the_same_table(
    tmp_path: Path, kill: Callable[[int, int], None], table: str, rows: int
):
    orders = 120
    for attempt in range(5):  # on a busy machine the story may be over before the kill comes
        folder = tmp_path / f"state-{attempt}"
        with begun(folder, orders=orders) as process:
            wait_until(lambda: ledger_rows(folder, table) >= rows)  # noqa: B023 - called at once
            kill(process.pid, signal.SIGKILL)
            midway = process.wait() == -signal.SIGKILL
            left = ledger_rows(folder, table)
            story = tell(folder, orders=orders)
        assert final(story) == expected(ROWS[:orders])
        assert doubled(folder, "holds") == doubled(folder, "charges") == []
        if midway and (kill is os.kill or left < ledger_rows(folder, table)):
            return
    raise AssertionError("it was always over before it was killed")


@contextlib.contextmanager
def begun(folder: Path, *, orders: int) -> Iterator[subprocess.Popen[bytes]]:
    """Start the story; at the end, wait until the last of its processes is gone: the second may outlive the first."""
    with subprocess.Popen(
        command(folder, orders=orders),
        cwd=str(REPOSITORY),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,  # stays open as long as one of them is alive
        start_new_session=True,
    ) as process:
        yield process
        assert process.stderr is not None
        process.stderr.read()


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_fresh_begins_anew_but_deletes_no_folder_that_is_not_its_own(tmp_path: Path):
    folder = tmp_path / "state"
    tell(folder, orders=3)
    key = (folder / KEY_FILE).read_bytes()
    tell(folder, "--fresh", orders=3)
    assert (folder / KEY_FILE).read_bytes() != key
    assert list(tmp_path.iterdir()) == [folder]
    (folder / KEY_FILE).unlink()
    with pytest.raises(subprocess.CalledProcessError):
        tell(folder, "--fresh", orders=3)
    assert (folder / "bank.sqlite").exists()


# --- what is left on disk --------------------------------------------------------------------------------------------


def secrets_found(folder: Path) -> List[str]:
    """Return the card numbers and OTPs that stand in any file, as they are or in a usual other writing."""
    left = b"\n".join(file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file())
    secrets = {row["card"] for row in ROWS if "card" in row} | {typed for row in ROWS for typed in row.get("otps", [])}
    return sorted(secret for secret in secrets if any(writing in left for writing in writings(secret)))


def writings(secret: str) -> Iterator[bytes]:
    yield secret.encode()
    yield secret.encode("utf-16-le")
    yield secret.encode().hex().encode()
    yield base64.b64encode(secret.encode()).rstrip(b"=")[:-1]  # less its end, which depends on what follows
    if len(secret) == 16:
        for separator in " -":
            yield separator.join(secret[at : at + 4] for at in range(0, 16, 4)).encode()


def test_no_card_number_and_no_otp_is_left_in_any_file(told: Tuple[Path, str]):
    folder, _ = told
    names = {file.name for file in folder.rglob("*")}
    assert {"bank.sqlite", "vault.sqlite", KEY_FILE, "INV-A-001.txt"} <= names
    assert len([file for file in folder.rglob("*.jsonl") if file.stat().st_size]) == len(ROWS)
    assert secrets_found(folder) == []


def test_the_search_would_find_a_card_number_or_an_otp_that_was_fed_in_the_clear(shop: Shop, tmp_path: Path):
    order = card_order("right")
    assert secrets_found(tmp_path) == []
    shop.card.feed(order.id, order.request, SealedCard(order.number))
    assert secrets_found(tmp_path) == [order.number]
    shop.card.feed(order.id, Otp(1, order.otps[0]))
    assert secrets_found(tmp_path) == sorted([order.number, *order.otps])


@pytest.mark.parametrize("table", ["holds", "charges"])
def test_the_search_would_find_a_card_number_in_a_database(shop: Shop, tmp_path: Path, table: str):
    order = card_order("right")
    columns = {"holds": 5, "charges": 3}[table]
    with shop.bank.ledger.transaction() as db:
        db.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * columns)})", [order.number] * columns)  # noqa: S608
    assert secrets_found(tmp_path) == [order.number]
