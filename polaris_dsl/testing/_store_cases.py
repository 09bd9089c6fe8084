"""What every store must do, as cases to run on your own."""

from __future__ import annotations

import json
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Callable, List, Mapping, Optional, Tuple, Type, TypeVar

from polaris_dsl.errors import BadRunId, RunLocked, StoreError, UnknownRun
from polaris_dsl.stores import Built, Failed, Fed, Journals, Line, Put, Rested, Started, Store

__all__ = ["StoreCase", "store_cases"]

StoreCase = Callable[[Store], None]
"""Takes a store that was never used, and raises `AssertionError` where it does something wrong."""

T = TypeVar("T")
ErrorT = TypeVar("ErrorT", bound=StoreError)

_AT = "2024-02-29T12:00:00.000Z"
_RUN = "order-42"
_FLOW = "payments"
_PATIENCE_S = 20.0
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
    journals = store.open(_FLOW)
    _raises(UnknownRun, lambda: journals.load(_RUN))
    _same(journals.append(_RUN, 0, _beginning(store)), ())
    _same(journals.load(_RUN), _beginning(store))


def _lines_come_back_equal_and_in_order(store: Store) -> None:
    journals = store.open(_FLOW)
    lines = [
        *_beginning(store),
        Built(_AT, "encrypt", {"Request": 2, "Ключ": 2}, (_put(store, "Card", {"no": 1}), _put(store, "Ключ", []))),
        Built(_AT, "tokenize", {}, (_put(store, "Token", None),), ("Card", "Ключ")),
        Built(_AT, "pay", {"Token": 4}),
        Failed(_AT, 'say "hi"', {"Token": 4}, "GatewayTimeout", "shop/bank.py:41"),
        Rested(_AT, "failed"),
        Fed(_AT, (_put(store, "Otp", "\u2028\0\n\r\\ 😀"), _put(store, "Request", {"a": 1}))),
        *(Fed(_AT, (), ("Cvv", "Ключ")), Built(_AT, "check", {"Cvv": 9}, transient=("Checked",))),
        Rested(_AT, "complete"),
    ]
    _same(journals.append(_RUN, 0, lines[:3]), ())
    for n in range(3, len(lines)):
        _same(journals.append(_RUN, n, lines[n : n + 1]), ())
    _same(journals.load(_RUN), lines)
    _same(store.open(_FLOW).load(_RUN), lines)


def _bodies_come_back_as_they_were(store: Store) -> None:
    journals = store.open(_FLOW)
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
    journals.append(_RUN, 0, [_started(), Fed(_AT, put)])
    (fed,) = journals.load(_RUN, after=1)
    _that(isinstance(fed, Fed) and fed.put == put, "bodies came back changed")


def _load_returns_what_follows_a_line(store: Store) -> None:
    journals = store.open(_FLOW)
    lines = (*_beginning(store), Rested(_AT, "paused"))
    journals.append(_RUN, 0, lines)
    for after in range(len(lines) + 1):
        _same(journals.load(_RUN, after=after), lines[after:])


# --- appending -------------------------------------------------------------------------------------------------------


def _an_append_behind_a_line_with_followers_writes_nothing_and_returns_them(store: Store) -> None:
    journals = store.open(_FLOW)
    lines = (*_beginning(store), Rested(_AT, "paused"))
    journals.append(_RUN, 0, lines)
    _same(journals.append(_RUN, 0, _beginning(store)), lines)
    _same(journals.append(_RUN, 2, [Rested(_AT, "failed")]), lines[2:])
    _same(journals.load(_RUN), lines)


def _an_append_behind_a_line_that_is_not_there_is_refused(store: Store) -> None:
    journals = store.open(_FLOW)
    _raises(UnknownRun, lambda: journals.append(_RUN, 2, [Rested(_AT, "paused")]))
    _raises(UnknownRun, lambda: journals.load(_RUN))
    journals.append(_RUN, 0, [_started()])
    _raises(UnknownRun, lambda: journals.append(_RUN, 2, [Rested(_AT, "paused")]))
    _same(journals.load(_RUN), [_started()])


def _exactly_one_of_several_racers_wins_a_number(store: Store) -> None:
    rounds = 10
    together = threading.Barrier(_RACERS, timeout=_PATIENCE_S)

    def race(racer: int) -> List[Line]:
        journals = store.open(_FLOW)  # as another process would: nothing is shared but the store
        won: List[Line] = []
        for n in range(rounds):
            line = Fed(_AT, (_put(store, "Otp", racer),)) if n else _started()
            together.wait()
            if not journals.append(_RUN, n, [line]):
                won.append(line)
            together.wait()
        return won

    with ThreadPoolExecutor(_RACERS) as pool:
        won = [line for lines in pool.map(race, range(_RACERS)) for line in lines]
    _same(len(won), rounds)
    _same(sorted(map(repr, store.open(_FLOW).load(_RUN))), sorted(map(repr, won)))


# --- runs and workflows ----------------------------------------------------------------------------------------------


def _one_id_under_two_workflows_is_two_runs(store: Store) -> None:
    here, there = store.open(_FLOW), store.open("refunds")
    here.append(_RUN, 0, _beginning(store))
    _raises(UnknownRun, lambda: there.load(_RUN))
    _same(list(there.runs()), [])
    begun = Started(_AT, _RUN, "refunds", "g")
    there.append(_RUN, 0, [begun])
    with here.hold(_RUN, wait_s=0), there.hold(_RUN, wait_s=0):
        _same(here.load(_RUN), _beginning(store))
        _same(there.load(_RUN), [begun])
    here.delete(_RUN)
    _same(there.load(_RUN), [begun])


def _runs_yields_each_run_once_with_its_last_line(store: Store) -> None:
    journals = store.open(_FLOW)
    _same(list(journals.runs()), [])
    wanted: List[Tuple[str, Line]] = []
    for number in range(20):
        lines = [_started(f"order-{number}"), *_beginning(store)[1:], Rested(_AT, f"was-{number}")][: 1 + number % 3]
        journals.append(f"order-{number}", 0, lines)
        wanted.append((f"order-{number}", lines[-1]))
    _same(sorted(map(repr, journals.runs())), sorted(map(repr, wanted)))


def _a_deleted_run_is_gone_and_may_begin_anew(store: Store) -> None:
    journals = store.open(_FLOW)
    _raises(UnknownRun, lambda: journals.delete(_RUN))
    journals.append(_RUN, 0, _beginning(store))
    journals.append("order-43", 0, [_started("order-43")])
    journals.delete(_RUN)
    _raises(UnknownRun, lambda: journals.load(_RUN))
    _raises(UnknownRun, lambda: journals.delete(_RUN))
    _raises(UnknownRun, lambda: journals.append(_RUN, 2, [Rested(_AT, "paused")]))
    _same([run for run, _ in journals.runs()], ["order-43"])
    _same(journals.append(_RUN, 0, [_started()]), ())
    _same(journals.load(_RUN), [_started()])


def _strange_ids_name_runs_of_their_own(store: Store) -> None:
    journals = store.open(_FLOW)
    ids = ["a", "A", "\u00e9", "e\u0301", "\ufb01", "fi", "ß", "ss", "日本語", "🧾", "\u202e", "\n", "\x01"]
    ids += ["..", ".", "/", "../../a", "C:\\a", "NUL", "con.txt", " ", "a ", "a.", "~", "*"]
    ids += ["x" * 511, "x" * 512, "y" + "é" * 255, "🧾" * 128]
    for run in ids:
        _same(journals.append(run, 0, [_started(run)]), ())
    for run in ids:
        _same(journals.load(run), [_started(run)])
    _same(sorted(run for run, _ in journals.runs()), sorted(ids))


def _bad_ids_are_refused_by_every_method(store: Store) -> None:
    journals = store.open(_FLOW)
    for run in ("", "\0", "a\0b", "\ud800", "x" * 513, "é" * 257, "🧾" * 128 + "x"):
        _raises(BadRunId, partial(journals.load, run))
        _raises(BadRunId, partial(journals.append, run, 0, [_started(run)]))
        _raises(BadRunId, partial(journals.append, run, 1, [Rested(_AT, "paused")]))
        _raises(BadRunId, partial(journals.delete, run))
        _raises(BadRunId, partial(_hold, journals, run, wait_s=0))
    _same(list(journals.runs()), [])


# --- holding ---------------------------------------------------------------------------------------------------------


def _a_held_run_is_refused_to_others_with_who_and_since_when(store: Store) -> None:
    journals = store.open(_FLOW)
    with journals.hold(_RUN):
        locked = _elsewhere(lambda: _raises(RunLocked, partial(_hold, journals, wait_s=0)))
    _same((locked.run_id, locked.kept), (_RUN, False))
    _that(bool(locked.holder.strip()), "RunLocked does not say who holds the run")
    utc = re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", locked.since)
    _that(utc is not None, f"RunLocked says since {locked.since!r}, not a time like {_AT}")


def _a_held_run_is_waited_for_as_long_as_was_asked(store: Store) -> None:
    journals = store.open(_FLOW)
    with journals.hold(_RUN):
        for wait_s in (0.0, 0.3):
            began = time.monotonic()
            _elsewhere(lambda: _raises(RunLocked, partial(_hold, journals, wait_s=wait_s)))  # noqa: B023  ended by then
            waited_s = time.monotonic() - began
            _that(wait_s <= waited_s < wait_s + 2, f"it waited {waited_s:.3f} s where {wait_s} s were asked")


def _a_run_that_is_let_go_is_given_to_who_waits(store: Store) -> None:
    journals = store.open(_FLOW)
    for wait_s in (None, _PATIENCE_S):
        with ThreadPoolExecutor(1) as pool:
            with journals.hold(_RUN):
                waiting = pool.submit(_hold, store.open(_FLOW), wait_s=wait_s)
                time.sleep(0.1)
                _that(not waiting.done(), "another thread could hold a held run")
            waiting.result(_PATIENCE_S)


def _only_one_holds_a_run_at_a_time(store: Store) -> None:
    inside: List[int] = []
    most: List[int] = []

    def hold_often(racer: int) -> None:
        journals = store.open(_FLOW)
        for _ in range(10):
            with journals.hold(_RUN):
                inside.append(racer)
                time.sleep(0.0005)
                most.append(len(inside))
                inside.remove(racer)

    with ThreadPoolExecutor(_RACERS) as pool:
        list(pool.map(hold_often, range(_RACERS)))
    _same(most, [1] * 10 * _RACERS)


def _an_error_lets_go_of_a_held_run(store: Store) -> None:
    journals = store.open(_FLOW)
    with suppress(KeyError), journals.hold(_RUN):
        raise KeyError(_RUN)
    _elsewhere(partial(_hold, journals, wait_s=0))


def _runs_are_held_one_by_one(store: Store) -> None:
    journals = store.open(_FLOW)
    with journals.hold(_RUN), journals.hold("order-43", wait_s=0):
        _elsewhere(partial(_hold, journals, "order-44", wait_s=0))


def _holding_begins_no_run(store: Store) -> None:
    journals = store.open(_FLOW)
    for _ in range(2):
        with journals.hold(_RUN):
            _raises(UnknownRun, lambda: journals.load(_RUN))
            _same(list(journals.runs()), [])
        _raises(UnknownRun, lambda: journals.load(_RUN))
        _raises(UnknownRun, lambda: journals.delete(_RUN))
        _same(list(journals.runs()), [])


def _others_feed_a_run_while_it_is_held(store: Store) -> None:
    journals = store.open(_FLOW)
    journals.append(_RUN, 0, _beginning(store))
    fed, rested = Fed(_AT, (_put(store, "Otp", 1),)), Rested(_AT, "paused")
    with journals.hold(_RUN):
        for others in (journals, store.open(_FLOW)):
            n = len(journals.load(_RUN))
            _same(_elsewhere(partial(others.append, _RUN, n, [fed])), ())
            _same(journals.append(_RUN, n, [rested]), [fed])
            _same(journals.load(_RUN, after=n), [fed])
            _same(journals.append(_RUN, n + 1, [rested]), ())
            _same(_elsewhere(partial(others.load, _RUN, after=n)), [fed, rested])
    _same(journals.load(_RUN, after=2), [fed, rested, fed, rested])


def _the_threads_of_a_holder_append(store: Store) -> None:
    journals = store.open(_FLOW)
    journals.append(_RUN, 0, _beginning(store))

    def build(worker: int) -> None:
        n, line = 2, Built(_AT, f"builder-{worker}", {"Request": 2})
        while True:
            news = journals.append(_RUN, n, [line])
            n += len(news)
            if not news:
                return

    with journals.hold(_RUN), ThreadPoolExecutor(_RACERS) as pool:
        list(pool.map(build, range(5 * _RACERS)))
    built = [line.by for line in journals.load(_RUN) if isinstance(line, Built)]
    _same(sorted(built), sorted(f"builder-{worker}" for worker in range(5 * _RACERS)))


def _a_held_run_cannot_be_deleted(store: Store) -> None:
    journals = store.open(_FLOW)
    journals.append(_RUN, 0, _beginning(store))
    with journals.hold(_RUN):
        locked = _elsewhere(lambda: _raises(RunLocked, partial(journals.delete, _RUN)))
        _same(journals.load(_RUN), _beginning(store))
    _same(locked.run_id, _RUN)
    journals.delete(_RUN)


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


# --- what the cases are made of --------------------------------------------------------------------------------------


def _started(run: str = _RUN, /) -> Started:
    return Started(_AT, run, _FLOW, "4f1d")


def _beginning(store: Store) -> Tuple[Line, ...]:
    return _started(), Fed(_AT, (_put(store, "Request", {"amount": "12.50"}),))


def _put(store: Store, name: str, value: object) -> Put:
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")) if store.encoded else value
    return Put(name, body)


def _hold(journals: Journals, run: str = _RUN, *, wait_s: Optional[float]) -> None:
    with journals.hold(run, wait_s=wait_s):
        pass


def _elsewhere(call: Callable[[], T]) -> T:
    """Call in another thread, and return or raise here what comes of it."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call).result(_PATIENCE_S)


def _that(holds: bool, otherwise: str) -> None:  # noqa: FBT001  reads like the assert that it stands for
    if not holds:
        raise AssertionError(otherwise)


def _same(found: object, wanted: object) -> None:
    if isinstance(wanted, list):
        wanted = tuple(wanted)
    if isinstance(found, list):
        found = tuple(found)
    _that(found == wanted, f"{found!r:.500} instead of {wanted!r:.500}")


def _raises(error: Type[ErrorT], call: Callable[[], object]) -> ErrorT:
    try:
        call()
    except error as raised:
        return raised
    raise AssertionError(f"it did not raise {error.__name__}")
