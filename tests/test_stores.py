"""Every store passes the public cases, and each case notices a store that breaks its rule."""

from __future__ import annotations

import json
import threading
import unicodedata
from contextlib import contextmanager
from typing import Callable, ContextManager, Dict, Iterator, List, Optional, Sequence, Tuple

import attrs
import pytest

from polaris_dsl.errors import BadRunId, RunLocked, UnknownRun
from polaris_dsl.stores import Fed, FileStore, Journals, Line, MemoryStore, Put, Rested, Started, Store
from polaris_dsl.stores._locks import FlockLocks
from polaris_dsl.testing import StoreCase, store_cases

STORES: Dict[str, Callable[[str], Store]] = {
    "memory": lambda _: MemoryStore(),
    "file, power": FileStore,
    "file, process": lambda root: FileStore(root, durability="process"),
    "file, flock": lambda root: FileStore(root, durability="process", _locks=FlockLocks),
}


@pytest.mark.parametrize("case", store_cases().values(), ids=list(store_cases()))
@pytest.mark.parametrize("make", STORES.values(), ids=list(STORES))
def test_store(make: Callable[[str], Store], case: StoreCase, tmp_path):
    case(make(str(tmp_path / "runs")))


# --- negative controls: stores that break one rule each --------------------------------------------------------------


@attrs.frozen
class Journaling:
    """Journals of which each method can be exchanged."""

    load: Callable[..., Tuple[Line, ...]]
    append: Callable[[str, int, Sequence[Line]], Tuple[Line, ...]]
    hold: Callable[..., ContextManager[None]]
    runs: Callable[[], Iterator[Tuple[str, Line]]]
    delete: Callable[[str], None]


@attrs.frozen
class BrokenStore:
    """A store that opens broken journals."""

    right: Store
    break_it: Callable[[Journaling], Journaling]
    apart: bool = True

    @property
    def encoded(self) -> bool:
        return self.right.encoded

    def open(self, workflow: str, /) -> Journals:
        right = self.right.open(workflow if self.apart else "one")
        return self.break_it(Journaling(right.load, right.append, right.hold, right.runs, right.delete))


def ignores_the_expected_line(right: Journaling) -> Journaling:
    def append(run: str, expected_n: int, lines: Sequence[Line]) -> Tuple[Line, ...]:
        try:
            expected_n = len(right.load(run)) if expected_n == 0 else expected_n
        except UnknownRun:
            expected_n = 0
        begun = [line for line in lines if expected_n == 0 or not isinstance(line, Started)]
        return right.append(run, expected_n, begun or [Fed("", ())])

    return attrs.evolve(right, append=append)


def lets_two_win(right: Journaling) -> Journaling:
    def append(run: str, expected_n: int, lines: Sequence[Line]) -> Tuple[Line, ...]:
        news = right.append(run, expected_n, lines)
        return () if expected_n == 3 else news

    return attrs.evolve(right, append=append)


def appends_where_nothing_was(right: Journaling) -> Journaling:
    def append(run: str, expected_n: int, lines: Sequence[Line]) -> Tuple[Line, ...]:
        try:
            return right.append(run, expected_n, lines)
        except UnknownRun:
            return ()

    return attrs.evolve(right, append=append)


def ignores_after(right: Journaling) -> Journaling:
    return attrs.evolve(right, load=lambda run, after=0: right.load(run))


def turns_lines_round(right: Journaling) -> Journaling:
    return attrs.evolve(right, load=lambda run, after=0: right.load(run, after=after)[::-1])


def writes_bodies_anew(right: Journaling) -> Journaling:
    def load(run: str, after: int = 0) -> Tuple[Line, ...]:
        lines = right.load(run, after=after)
        return tuple(attrs.evolve(line, put=tuple(map(anew, line.put))) for line in lines if isinstance(line, Fed))

    def anew(put: Put) -> Put:
        return attrs.evolve(put, body=json.dumps(json.loads(str(put.body))))

    return attrs.evolve(right, load=load)


def keeps_deleted_runs(right: Journaling) -> Journaling:
    def delete(run: str) -> None:
        right.load(run)

    return attrs.evolve(right, delete=delete)


def deletes_held_runs(right: Journaling) -> Journaling:
    deleted: List[str] = []

    def delete(run: str) -> None:
        try:
            right.delete(run)
        except RunLocked:
            deleted.append(run)

    return attrs.evolve(right, delete=delete)


def lists_first_lines(right: Journaling) -> Journaling:
    return attrs.evolve(right, runs=lambda: ((run, right.load(run)[0]) for run, _ in right.runs()))


def forgets_until_when_runs_wait(right: Journaling) -> Journaling:
    def runs() -> Iterator[Tuple[str, Line]]:
        for run, last in right.runs():
            yield run, attrs.evolve(last, wake="") if isinstance(last, Rested) else last

    return attrs.evolve(right, runs=runs)


def lists_runs_twice(right: Journaling) -> Journaling:
    return attrs.evolve(right, runs=lambda: iter([*right.runs(), *right.runs()]))


def _with_ids(right: Journaling, of: Callable[[str], str]) -> Journaling:
    def append(run: str, expected_n: int, lines: Sequence[Line]) -> Tuple[Line, ...]:
        run = of(run)
        return right.append(run, expected_n, [attrs.evolve(x, run=run) if isinstance(x, Started) else x for x in lines])

    return attrs.evolve(
        right,
        load=lambda run, after=0: right.load(of(run), after=after),
        append=append,
        hold=lambda run, wait_s=None: right.hold(of(run), wait_s=wait_s),
        delete=lambda run: right.delete(of(run)),
    )


def folds_case(right: Journaling) -> Journaling:
    return _with_ids(right, str.lower)


def normalises_ids(right: Journaling) -> Journaling:
    return _with_ids(right, lambda run: unicodedata.normalize("NFC", run))


def cuts_long_ids(right: Journaling) -> Journaling:
    return _with_ids(right, lambda run: run[:255] if len(run) == 512 else run)


def takes_any_id(right: Journaling) -> Journaling:
    return _with_ids(right, lambda run: run.encode("ascii", "replace").decode().replace("\0", "")[:99] or "a")


def never_excludes(right: Journaling) -> Journaling:
    def hold(run: str, *, wait_s: Optional[float] = None) -> ContextManager[None]:
        return right.hold(f"{run}-{threading.get_ident()}", wait_s=wait_s)

    return attrs.evolve(right, hold=hold)


def holds_all_runs_at_once(right: Journaling) -> Journaling:
    return attrs.evolve(right, hold=lambda run, wait_s=None: right.hold("all", wait_s=min(wait_s or 0.0, 1.0)))


def never_waits(right: Journaling) -> Journaling:
    return attrs.evolve(right, hold=lambda run, wait_s=None: right.hold(run, wait_s=0))


def waits_too_long(right: Journaling) -> Journaling:
    return attrs.evolve(right, hold=lambda run, wait_s=None: right.hold(run, wait_s=wait_s and wait_s + 2.2))


def _telling(right: Journaling, **wrong: object) -> Journaling:
    @contextmanager
    def hold(run: str, *, wait_s: Optional[float] = None) -> Iterator[None]:
        try:
            with right.hold(run, wait_s=wait_s):
                yield
        except RunLocked as locked:
            vars(locked).update(wrong)
            raise

    return attrs.evolve(right, hold=hold)


def does_not_say_who_holds(right: Journaling) -> Journaling:
    return _telling(right, holder=" ")


def says_since_in_local_time(right: Journaling) -> Journaling:
    return _telling(right, since="2024-02-29T12:00:00+01:00")


def says_that_data_was_kept(right: Journaling) -> Journaling:
    return _telling(right, kept=True)


def holds_on_after_an_error(right: Journaling) -> Journaling:
    kept: List[ContextManager[None]] = []

    @contextmanager
    def hold(run: str, *, wait_s: Optional[float] = None) -> Iterator[None]:
        held = right.hold(run, wait_s=wait_s)
        held.__enter__()
        kept.append(held)
        yield
        held.__exit__(None, None, None)

    return attrs.evolve(right, hold=hold)


def begins_a_run_by_holding_it(right: Journaling) -> Journaling:
    @contextmanager
    def hold(run: str, *, wait_s: Optional[float] = None) -> Iterator[None]:
        right.append(run, 0, [Started("", run, "payments", "")])
        with right.hold(run, wait_s=wait_s):
            yield

    return attrs.evolve(right, hold=hold)


def is_fed_by_holders_alone(right: Journaling) -> Journaling:
    holders: Dict[str, int] = {}

    @contextmanager
    def hold(run: str, *, wait_s: Optional[float] = None) -> Iterator[None]:
        with right.hold(run, wait_s=wait_s):
            holders[run] = threading.get_ident()
            yield
            del holders[run]

    def append(run: str, expected_n: int, lines: Sequence[Line]) -> Tuple[Line, ...]:
        if holders.get(run, threading.get_ident()) != threading.get_ident():
            raise RunLocked(run, holder="another thread", since="")
        return right.append(run, expected_n, lines)

    return attrs.evolve(right, hold=hold, append=append)


def forgets_appends_of_other_threads(right: Journaling) -> Journaling:
    def append(run: str, expected_n: int, lines: Sequence[Line]) -> Tuple[Line, ...]:
        if expected_n >= 2 and threading.current_thread() is not threading.main_thread():
            return ()
        return right.append(run, expected_n, lines)

    return attrs.evolve(right, append=append)


def keeps_workflows_together(right: Journaling) -> Journaling:
    return right


BROKEN: Dict[Callable[[Journaling], Journaling], str] = {
    ignores_the_expected_line: "an_append_behind_a_line_with_followers_writes_nothing_and_returns_them",
    lets_two_win: "exactly_one_of_several_racers_wins_a_number",
    appends_where_nothing_was: "an_append_behind_a_line_that_is_not_there_is_refused",
    ignores_after: "load_returns_what_follows_a_line",
    turns_lines_round: "lines_come_back_equal_and_in_order",
    writes_bodies_anew: "bodies_come_back_as_they_were",
    keeps_deleted_runs: "a_deleted_run_is_gone_and_may_begin_anew",
    deletes_held_runs: "a_held_run_cannot_be_deleted",
    lists_first_lines: "runs_yields_each_run_once_with_its_last_line",
    lists_runs_twice: "runs_yields_each_run_once_with_its_last_line",
    forgets_until_when_runs_wait: "runs_brings_back_every_kind_of_last_line",
    folds_case: "strange_ids_name_runs_of_their_own",
    normalises_ids: "strange_ids_name_runs_of_their_own",
    cuts_long_ids: "strange_ids_name_runs_of_their_own",
    takes_any_id: "bad_ids_are_refused_by_every_method",
    never_excludes: "only_one_holds_a_run_at_a_time",
    holds_all_runs_at_once: "runs_are_held_one_by_one",
    never_waits: "a_run_that_is_let_go_is_given_to_who_waits",
    waits_too_long: "a_held_run_is_waited_for_as_long_as_was_asked",
    does_not_say_who_holds: "a_held_run_is_refused_to_others_with_who_and_since_when",
    says_since_in_local_time: "a_held_run_is_refused_to_others_with_who_and_since_when",
    says_that_data_was_kept: "a_held_run_is_refused_to_others_with_who_and_since_when",
    holds_on_after_an_error: "an_error_lets_go_of_a_held_run",
    begins_a_run_by_holding_it: "holding_begins_no_run",
    is_fed_by_holders_alone: "others_feed_a_run_while_it_is_held",
    forgets_appends_of_other_threads: "the_threads_of_a_holder_append",
    keeps_workflows_together: "one_id_under_two_workflows_is_two_runs",
}


@pytest.mark.parametrize("break_it", BROKEN, ids=lambda break_it: break_it.__name__)
def test_a_case_notices_a_store_that(break_it: Callable[[Journaling], Journaling], tmp_path):
    right = FileStore(tmp_path, durability="process")
    broken = BrokenStore(right, break_it, apart=break_it is not keeps_workflows_together)
    with pytest.raises((AssertionError, RunLocked, UnknownRun, BadRunId, ValueError)):
        store_cases()[BROKEN[break_it]](broken)


def test_each_case_but_the_plainest_has_a_store_that_fails_it():
    assert set(store_cases()) - set(BROKEN.values()) == {"a_run_begins_with_its_first_append"}
