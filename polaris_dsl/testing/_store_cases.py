"""What every store must do, as cases to run on your own."""

from __future__ import annotations

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Callable, List, Mapping, Tuple

from polaris_dsl.errors import BadRunId, RunLocked, UnknownRun
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
    Store,
)
from polaris_dsl.testing._store_claims import (
    AT,
    FLOW,
    LATER,
    PATIENCE_S,
    RUN,
    beginning,
    elsewhere,
    hold,
    lasts,
    put_of,
    raises,
    same,
    started,
    that,
)

__all__ = ["StoreCase", "store_cases"]

StoreCase = Callable[[Store], None]
"""Takes a store that was never used, and raises `AssertionError` where it does something wrong."""


_RACERS = 6


def store_cases() -> Mapping[str, StoreCase]:
    """Return the cases that every store must pass, by name, each of which wants a new store.

    They take a few seconds in all, and need no test framework; with pytest, make a parameter of them.

    Example:
        >>> from polaris_dsl import MemoryStore
        >>> for name, case in store_cases().items():
        ...     case(MemoryStore())
    """
    return {case.__name__.strip("_"): case for case in _CASES}


# --- lines -----------------------------------------------------------------------------------------------------------


def _a_run_begins_with_its_first_append(store: Store) -> None:
    journals = store.open(FLOW)
    raises(UnknownRun, lambda: journals.load(RUN))
    same(journals.append(RUN, 0, beginning(store)), ())
    same(journals.load(RUN), beginning(store))


def _lines_come_back_equal_and_in_order(store: Store) -> None:
    journals = store.open(FLOW)
    lines = [
        *beginning(store),
        Built(AT, "encrypt", {"Request": 2, "Ключ": 2}, (put_of(store, "Card", {"no": 1}), put_of(store, "Ключ", []))),
        Built(AT, "tokenize", {}, (put_of(store, "Token", None),), ("Card", "Ключ")),
        Built(AT, "pay", {"Token": 4}),
        Failed(AT, 'say "hi"', {"Token": 4}, "GatewayTimeout", "shop/bank.py:41"),
        Rested(AT, "failed"),
        Intended(AT, "pay", {"Token": 4, "Ключ": 2}),
        Released(AT, "pay", {"Token": 4}),
        Failed(AT, "pay", {"Token": 4}, "GatewayTimeout", "shop/bank.py:41", 2),
        Postponed(AT, 'say "hi"', {}, LATER),
        Rested(AT, "paused", LATER),
        Fed(AT, (put_of(store, "Otp", "\u2028\0\n\r\\ 😀"), put_of(store, "Request", {"a": 1}))),
        *(Fed(AT, (), ("Cvv", "Ключ")), Built(AT, "check", {"Cvv": 9}, transient=("Checked",))),
        Rested(AT, "complete"),
    ]
    same(journals.append(RUN, 0, lines[:3]), ())
    for n in range(3, len(lines)):
        same(journals.append(RUN, n, lines[n : n + 1]), ())
    same(journals.load(RUN), lines)
    same(store.open(FLOW).load(RUN), lines)


def _bodies_come_back_as_they_were(store: Store) -> None:
    journals = store.open(FLOW)
    texts = [
        "1.0e5",
        "-0",
        '"\\u00e9"',
        '"é"',
        '{"a":1,"a":2}',
        '{"]":"[[,"}',
        "[[],[[]]]",
        '"' + 100_000 * "x" + '"',
        "1e999",
    ]
    bodies: List[object] = [*texts] if store.encoded else [object() for _ in texts]
    put = tuple(Put(f"D{n}", body) for n, body in enumerate(bodies))
    journals.append(RUN, 0, [started(), Fed(AT, put)])
    (fed,) = journals.load(RUN, after=1)
    that(isinstance(fed, Fed) and fed.put == put, "bodies came back changed")


def _load_returns_what_follows_a_line(store: Store) -> None:
    journals = store.open(FLOW)
    lines = (*beginning(store), Rested(AT, "paused"))
    journals.append(RUN, 0, lines)
    for after in range(len(lines) + 1):
        same(journals.load(RUN, after=after), lines[after:])


# --- appending -------------------------------------------------------------------------------------------------------


def _an_append_behind_a_line_with_followers_writes_nothing_and_returns_them(store: Store) -> None:
    journals = store.open(FLOW)
    lines = (*beginning(store), Rested(AT, "paused"))
    journals.append(RUN, 0, lines)
    same(journals.append(RUN, 0, beginning(store)), lines)
    same(journals.append(RUN, 2, [Rested(AT, "failed")]), lines[2:])
    same(journals.load(RUN), lines)


def _an_append_behind_a_line_that_is_not_there_is_refused(store: Store) -> None:
    journals = store.open(FLOW)
    raises(UnknownRun, lambda: journals.append(RUN, 2, [Rested(AT, "paused")]))
    raises(UnknownRun, lambda: journals.load(RUN))
    journals.append(RUN, 0, [started()])
    raises(UnknownRun, lambda: journals.append(RUN, 2, [Rested(AT, "paused")]))
    same(journals.load(RUN), [started()])


def _exactly_one_of_several_racers_wins_a_number(store: Store) -> None:
    rounds = 10
    together = threading.Barrier(_RACERS, timeout=PATIENCE_S)

    def race(racer: int) -> List[Line]:
        journals = store.open(FLOW)  # as another process would: nothing is shared but the store
        won: List[Line] = []
        for n in range(rounds):
            line = Fed(AT, (put_of(store, "Otp", racer),)) if n else started()
            together.wait()
            if not journals.append(RUN, n, [line]):
                won.append(line)
            together.wait()
        return won

    with ThreadPoolExecutor(_RACERS) as pool:
        won = [line for lines in pool.map(race, range(_RACERS)) for line in lines]
    same(len(won), rounds)
    same(sorted(map(repr, store.open(FLOW).load(RUN))), sorted(map(repr, won)))


# --- runs and workflows ----------------------------------------------------------------------------------------------


def _one_id_under_two_workflows_is_two_runs(store: Store) -> None:
    here, there = store.open(FLOW), store.open("refunds")
    here.append(RUN, 0, beginning(store))
    raises(UnknownRun, lambda: there.load(RUN))
    same(list(there.runs()), [])
    begun = Started(AT, RUN, "refunds", "g")
    there.append(RUN, 0, [begun])
    with here.hold(RUN, wait_s=0), there.hold(RUN, wait_s=0):
        same(here.load(RUN), beginning(store))
        same(there.load(RUN), [begun])
    here.delete(RUN)
    same(there.load(RUN), [begun])


def _runs_yields_each_run_once_with_its_last_line(store: Store) -> None:
    journals = store.open(FLOW)
    same(list(journals.runs()), [])
    wanted: List[Tuple[str, Line]] = []
    for number in range(20):
        lines = [started(f"order-{number}"), *beginning(store)[1:], Rested(AT, f"was-{number}")][: 1 + number % 3]
        journals.append(f"order-{number}", 0, lines)
        wanted.append((f"order-{number}", lines[-1]))
    same(sorted(map(repr, journals.runs())), sorted(map(repr, wanted)))


def _runs_brings_back_every_kind_of_last_line(store: Store) -> None:
    journals = store.open(FLOW)
    wanted: List[Tuple[str, Line]] = []
    for number, last in enumerate(lasts(store)):
        journals.append(f"order-{number}", 0, [started(f"order-{number}"), *beginning(store)[1:]])
        journals.append(f"order-{number}", 2, [last])
        wanted.append((f"order-{number}", last))
    same(sorted(map(repr, journals.runs())), sorted(map(repr, wanted)))


def _a_deleted_run_is_gone_and_may_begin_anew(store: Store) -> None:
    journals = store.open(FLOW)
    raises(UnknownRun, lambda: journals.delete(RUN))
    journals.append(RUN, 0, beginning(store))
    journals.append("order-43", 0, [started("order-43")])
    journals.delete(RUN)
    raises(UnknownRun, lambda: journals.load(RUN))
    raises(UnknownRun, lambda: journals.delete(RUN))
    raises(UnknownRun, lambda: journals.append(RUN, 2, [Rested(AT, "paused")]))
    same([run for run, _ in journals.runs()], ["order-43"])
    same(journals.append(RUN, 0, [started()]), ())
    same(journals.load(RUN), [started()])


def _strange_ids_name_runs_of_their_own(store: Store) -> None:
    journals = store.open(FLOW)
    ids = ["a", "A", "\u00e9", "e\u0301", "\ufb01", "fi", "ß", "ss", "日本語", "🧾", "\u202e", "\n", "\x01"]
    ids += ["..", ".", "/", "../../a", "C:\\a", "NUL", "con.txt", " ", "a ", "a.", "~", "*"]
    ids += ["x" * 511, "x" * 512, "y" + "é" * 255, "🧾" * 128]
    for run in ids:
        same(journals.append(run, 0, [started(run)]), ())
    for run in ids:
        same(journals.load(run), [started(run)])
    same(sorted(run for run, _ in journals.runs()), sorted(ids))


def _bad_ids_are_refused_by_every_method(store: Store) -> None:
    journals = store.open(FLOW)
    for run in ("", "\0", "a\0b", "\ud800", "x" * 513, "é" * 257, "🧾" * 128 + "x"):
        raises(BadRunId, partial(journals.load, run))
        raises(BadRunId, partial(journals.append, run, 0, [started(run)]))
        raises(BadRunId, partial(journals.append, run, 1, [Rested(AT, "paused")]))
        raises(BadRunId, partial(journals.delete, run))
        raises(BadRunId, partial(hold, journals, run, wait_s=0))
    same(list(journals.runs()), [])


# --- holding ---------------------------------------------------------------------------------------------------------


def _a_held_run_is_refused_to_others_with_who_and_since_when(store: Store) -> None:
    journals = store.open(FLOW)
    with journals.hold(RUN):
        locked = elsewhere(lambda: raises(RunLocked, partial(hold, journals, wait_s=0)))
    same((locked.run_id, locked.kept), (RUN, False))
    that(bool(locked.holder.strip()), "RunLocked does not say who holds the run")
    utc = re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", locked.since)
    that(utc is not None, f"RunLocked says since {locked.since!r}, not a time like {AT}")


def _a_held_run_is_waited_for_as_long_as_was_asked(store: Store) -> None:
    journals = store.open(FLOW)
    with journals.hold(RUN):
        for wait_s in (0.0, 0.3):
            began = time.monotonic()
            elsewhere(lambda: raises(RunLocked, partial(hold, journals, wait_s=wait_s)))  # noqa: B023  ended by then
            waited_s = time.monotonic() - began
            that(wait_s <= waited_s < wait_s + 2, f"it waited {waited_s:.3f} s where {wait_s} s were asked")


def _a_run_that_is_let_go_is_given_to_who_waits(store: Store) -> None:
    journals = store.open(FLOW)
    for wait_s in (None, PATIENCE_S):
        with ThreadPoolExecutor(1) as pool:
            with journals.hold(RUN):
                waiting = pool.submit(hold, store.open(FLOW), wait_s=wait_s)
                time.sleep(0.1)
                that(not waiting.done(), "another thread could hold a held run")
            waiting.result(PATIENCE_S)


def _only_one_holds_a_run_at_a_time(store: Store) -> None:
    inside: List[int] = []
    most: List[int] = []

    def hold_often(racer: int) -> None:
        journals = store.open(FLOW)
        for _ in range(10):
            with journals.hold(RUN):
                inside.append(racer)
                time.sleep(0.0005)
                most.append(len(inside))
                inside.remove(racer)

    with ThreadPoolExecutor(_RACERS) as pool:
        list(pool.map(hold_often, range(_RACERS)))
    same(most, [1] * 10 * _RACERS)


def _an_error_lets_go_of_a_held_run(store: Store) -> None:
    journals = store.open(FLOW)
    with suppress(KeyError), journals.hold(RUN):
        raise KeyError(RUN)
    elsewhere(partial(hold, journals, wait_s=0))


def _runs_are_held_one_by_one(store: Store) -> None:
    journals = store.open(FLOW)
    with journals.hold(RUN), journals.hold("order-43", wait_s=0):
        elsewhere(partial(hold, journals, "order-44", wait_s=0))


def _holding_begins_no_run(store: Store) -> None:
    journals = store.open(FLOW)
    for _ in range(2):
        with journals.hold(RUN):
            raises(UnknownRun, lambda: journals.load(RUN))
            same(list(journals.runs()), [])
        raises(UnknownRun, lambda: journals.load(RUN))
        raises(UnknownRun, lambda: journals.delete(RUN))
        same(list(journals.runs()), [])


def _others_feed_a_run_while_it_is_held(store: Store) -> None:
    journals = store.open(FLOW)
    journals.append(RUN, 0, beginning(store))
    fed, rested = Fed(AT, (put_of(store, "Otp", 1),)), Rested(AT, "paused")
    with journals.hold(RUN):
        for others in (journals, store.open(FLOW)):
            n = len(journals.load(RUN))
            same(elsewhere(partial(others.append, RUN, n, [fed])), ())
            same(journals.append(RUN, n, [rested]), [fed])
            same(journals.load(RUN, after=n), [fed])
            same(journals.append(RUN, n + 1, [rested]), ())
            same(elsewhere(partial(others.load, RUN, after=n)), [fed, rested])
    same(journals.load(RUN, after=2), [fed, rested, fed, rested])


def _the_threads_of_a_holder_append(store: Store) -> None:
    journals = store.open(FLOW)
    journals.append(RUN, 0, beginning(store))

    def build(worker: int) -> None:
        n, line = 2, Built(AT, f"builder-{worker}", {"Request": 2})
        while True:
            news = journals.append(RUN, n, [line])
            n += len(news)
            if not news:
                return

    with journals.hold(RUN), ThreadPoolExecutor(_RACERS) as pool:
        list(pool.map(build, range(5 * _RACERS)))
    built = [line.by for line in journals.load(RUN) if isinstance(line, Built)]
    same(sorted(built), sorted(f"builder-{worker}" for worker in range(5 * _RACERS)))


def _a_held_run_cannot_be_deleted(store: Store) -> None:
    journals = store.open(FLOW)
    journals.append(RUN, 0, beginning(store))
    with journals.hold(RUN):
        locked = elsewhere(lambda: raises(RunLocked, partial(journals.delete, RUN)))
        same(journals.load(RUN), beginning(store))
    same(locked.run_id, RUN)
    journals.delete(RUN)


_CASES: Tuple[StoreCase, ...] = (
    _a_run_begins_with_its_first_append,
    _lines_come_back_equal_and_in_order,
    _bodies_come_back_as_they_were,
    _load_returns_what_follows_a_line,
    _an_append_behind_a_line_with_followers_writes_nothing_and_returns_them,
    _an_append_behind_a_line_that_is_not_there_is_refused,
    _exactly_one_of_several_racers_wins_a_number,
    _one_id_under_two_workflows_is_two_runs,
    _runs_yields_each_run_once_with_its_last_line,
    _runs_brings_back_every_kind_of_last_line,
    _a_deleted_run_is_gone_and_may_begin_anew,
    _strange_ids_name_runs_of_their_own,
    _bad_ids_are_refused_by_every_method,
    _a_held_run_is_refused_to_others_with_who_and_since_when,
    _a_held_run_is_waited_for_as_long_as_was_asked,
    _a_run_that_is_let_go_is_given_to_who_waits,
    _only_one_holds_a_run_at_a_time,
    _an_error_lets_go_of_a_held_run,
    _runs_are_held_one_by_one,
    _holding_begins_no_run,
    _others_feed_a_run_while_it_is_held,
    _the_threads_of_a_holder_append,
    _a_held_run_cannot_be_deleted,
)
