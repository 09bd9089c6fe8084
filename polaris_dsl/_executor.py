"""Runs a workflow under run ids: feeds, runs what is due, saves it, and resumes."""

from __future__ import annotations

import os
import time
from concurrent.futures import Executor as Pool
from contextvars import ContextVar
from datetime import datetime
from threading import Lock
from types import TracebackType
from typing import Dict, FrozenSet, Generic, Iterator, List, Optional, Sequence, Tuple, Type, TypeVar, cast

import attrs
from typing_extensions import Self, final

from polaris_dsl._attempt import raise_first
from polaris_dsl._bodies import Bodies, Live
from polaris_dsl._drafts import Lines, Record
from polaris_dsl._execution import Execution
from polaris_dsl._express import Express, Known, in_order
from polaris_dsl._feed import accept
from polaris_dsl._hooked import hooked
from polaris_dsl._run import Run, Status, run_of, status_of
from polaris_dsl._state import State
from polaris_dsl._telling import Telling
from polaris_dsl._workflow import Workflow
from polaris_dsl.errors import DefinitionError, HookFailed, RunLocked, UnknownRun
from polaris_dsl.hooks import Hook
from polaris_dsl.stores import Fed, Line, MemoryStore, Put, Rested, Started, Store
from polaris_dsl.stores._lines import Draft
from polaris_dsl.stores._memory import Lane, MemoryJournals

TargetT = TypeVar("TargetT")
InputT = TypeVar("InputT")

_BEING_RUN: ContextVar[FrozenSet[Tuple[int, str]]] = ContextVar("polaris_being_run", default=frozenset())
"""The runs in whose builders this is called: executors, by `id`, and run ids."""

Frozen = Dict[int, Tuple[object, object]]
"""What is fed, by slot: the body, and the value as builders see it."""


@final
@attrs.frozen
class RunSummary:
    """One line of a listing: the run id, where the run stands, and when it was last written to (aware, in UTC)."""

    id: str
    status: Status
    updated_at: datetime


@final
class Executor(Generic[TargetT, InputT]):
    """Runs one workflow under run ids. Safe to share between threads; a context manager that lets its threads go.

    Args:
        workflow: what to run.
        store: where runs are saved; default: a `MemoryStore` of its own, whose runs end with it.
        max_workers: how many builders of one run are run at once, the caller's thread included; 1 is sequential.
            Default: the number of processors and four more, at most 32.
        pool: lends threads in place of the executor's own: any thread-like `concurrent.futures.Executor`, which is not
            closed. Default: threads of its own, begun when two builders are first due at once.
        hooks: who is told what happens, in this order; see `polaris_dsl.hooks`.

    Raises:
        DefinitionError: an argument makes no sense.
        CodecError: the store keeps JSON, and a data of the workflow cannot be turned into it.

    Example:
        >>> import attrs
        >>> from polaris_dsl import builder, workflow
        >>> @attrs.frozen
        ... class Name:
        ...     text: str
        >>> @attrs.frozen
        ... class Greeting:
        ...     text: str
        >>> @builder
        ... def greet(name: Name) -> Greeting:
        ...     return Greeting(f"Good morning, {name.text}")
        >>> greeting = workflow(target=Greeting, inputs=Name, builders=[greet])
        >>> with Executor(greeting) as greetings:
        ...     print(greetings.run("guest-1"))
        ...     print(greetings.run("guest-1", Name("Ada")))
        <run 'guest-1' paused, missing Name>
        <run 'guest-1' complete>
    """

    def __init__(
        self,
        workflow: Workflow[TargetT, InputT],
        /,
        *,
        store: Optional[Store] = None,
        max_workers: Optional[int] = None,
        pool: Optional[Pool] = None,
        hooks: Sequence[Hook] = (),
    ) -> None:
        if not isinstance(workflow, Workflow):
            kind = type(workflow).__name__
            raise DefinitionError(f"Executor takes a workflow, as workflow(...) returns it, not a value of type {kind}")
        if max_workers is not None and not _is_count(max_workers):
            raise DefinitionError(f"max_workers= takes a number from 1, not {max_workers!r:.80}")
        store = MemoryStore() if store is None else store
        if isinstance(store, type) or not hasattr(store, "encoded"):
            kind = "the class itself" if isinstance(store, type) else f"a value of type {type(store).__name__}"
            raise DefinitionError(f'store= takes a store, such as FileStore("runs"), not {kind}')
        if pool is not None and not hasattr(pool, "submit"):
            raise DefinitionError(
                f"pool= takes a concurrent.futures.Executor, not a value of type {type(pool).__name__}"
            )
        self.workflow = workflow
        self._plan = workflow._plan  # noqa: SLF001  facade and executor are one
        self._bodies: Bodies = Live()
        if store.encoded:
            from polaris_dsl._encoded import Encoded  # noqa: PLC0415  only such a store needs the codec
            from polaris_dsl.codec import JsonCodec  # noqa: PLC0415  as above

            codec = JsonCodec()
            for data in self._plan.data:
                codec.check(data)
            self._bodies = Encoded(codec)
        self._journals = store.open(workflow.name)
        self._max_workers = min(32, (os.cpu_count() or 1) + 4) if max_workers is None else max_workers
        alone = self._max_workers == 1 or in_order(self._plan)
        self._hooked = hooked(hooks)
        self._express = Express(self._plan) if alone and not store.encoded and self._hooked is None else None
        self._lent_pool = pool
        self._own_pool: Optional[Pool] = None
        self._pool_lock = Lock()

    # --- running

    def run(self, run_id: str, /, *data: InputT, wait_s: Optional[float] = None) -> Run[TargetT]:
        """Feed data to a run, which begins with its first call, and run what is due.

        The data is committed before the first builder runs, and each result before any other builder sees it. Where
        another thread or process is running that run, the data is committed at once, the holder takes it up, and this
        call waits its turn.

        Args:
            run_id: 1 to 512 bytes in UTF-8, without NUL.
            data: values of the inputs, at most one of each. Equal to what is there already: nothing changes.
            wait_s: how many seconds to wait for the run, at most; default: without limit.

        Returns:
            The run as this call left it: complete, or paused and saying what is missing.

        Raises:
            UnexpectedData: something is not an input; nothing of this call was kept.
            BuilderError: builders raised. What did not depend on them was built and kept; the next call tries them
                again.
            HookFailed: a strict hook raised; what was running was committed.
            RunLocked: another held the run for `wait_s`, or a builder of this run called, which would wait for itself;
                its `kept` says that the data was committed.
            StoreError: the store failed; see its subclasses.
        """
        fed = self._freeze(data)
        try:
            with self._journals.hold(run_id, wait_s=0):
                return self._run_held(run_id, fed)
        except RunLocked:
            if fed:
                self._commit_feed(run_id, fed)
        own = (id(self), run_id) in _BEING_RUN.get()
        try:
            with self._journals.hold(run_id, wait_s=0 if own else wait_s):
                return self._run_held(run_id, {})
        except RunLocked as locked:
            locked.kept, locked.own = bool(fed), own
            raise

    def feed(self, run_id: str, /, *data: InputT) -> None:
        """Commit data to a run and return at once, without running anything: for webhooks that have to answer quickly.

        A process that is running the run takes it up; otherwise the next `run(run_id)` does.

        Raises:
            UnexpectedData: something is not an input; nothing of this call was kept.
            StoreError: the store failed; see its subclasses.
        """
        self._commit_feed(run_id, self._freeze(data))

    def _run_held(self, run_id: str, fed: Frozen) -> Run[TargetT]:
        outside = _BEING_RUN.set(_BEING_RUN.get() | {(id(self), run_id)})
        try:
            return cast("Run[TargetT]", self._straight_through(run_id, fed) or self._with_care(run_id, fed))
        finally:
            _BEING_RUN.reset(outside)

    def _straight_through(self, run_id: str, fed: Frozen) -> Optional[Run[object]]:
        """Begin a run where it may go straight through; None: it is to be run with care."""
        if self._express is None or not isinstance(self._journals, MemoryJournals):
            return None
        lane = self._journals.lane(run_id)
        if lane:
            return None
        went = self._express.run(lane, {slot: value for slot, (_, value) in fed.items()}, run_id=run_id)
        return went if went is None or isinstance(went, Run) else self._with_care(run_id, {}, went)

    def _with_care(self, run_id: str, fed: Frozen, known: Optional[Known] = None) -> Run[object]:
        record, state = self._opened(run_id)
        self._take_up(record, state, run_id, fed)
        telling = None if self._hooked is None else Telling(self._hooked, self._plan, run_id)
        execution = Execution(
            state,
            record,
            run_id=run_id,
            bodies=self._bodies,
            pool=self._pool,
            max_workers=self._max_workers,
            telling=telling,
            quick=isinstance(record, Lane) and telling is None,
        )
        if known is not None:
            execution.resume(known)
        if telling is None:
            return self._at_rest(execution, record, state, run_id)
        execution.note(telling.run_started({slot: value for slot, (_, value) in fed.items()}))
        return telling.to_the_end(lambda: self._at_rest(execution, record, state, run_id))

    def _at_rest(self, execution: Execution, record: Record, state: State, run_id: str) -> Run[object]:
        try:
            while True:
                execution.run()
                run = run_of(state, run_id=run_id, built=execution.built)
                if execution.rest(run.status.value):
                    break
        except HookFailed as failed:
            failed.with_run(run_of(state, run_id=run_id, built=execution.built))
            raise
        if isinstance(record, Lane):
            record.memo = state
        raise_first(execution.failures, run)
        return run

    def _opened(self, run_id: str) -> Tuple[Record, State]:
        """Return where the lines of a run go that is held, and what it holds by now."""
        if not isinstance(self._journals, MemoryJournals):
            record = Lines(self._journals, run_id)
            return record, self._begun(run_id)
        lane = self._journals.lane(run_id)
        memo, lane.memo = lane.memo, None
        state = memo if isinstance(memo, State) and memo.plan is self._plan else self._empty()
        for line in lane.after(state.n):
            state.apply(line)
        return lane, state

    def _freeze(self, data: Tuple[object, ...]) -> Frozen:
        return {slot: self._bodies.freeze(value) for slot, value in accept(self._plan, data).items()}

    def _commit_feed(self, run_id: str, fed: Frozen) -> None:
        self._take_up(Lines(self._journals, run_id), self._begun(run_id), run_id, fed)

    def _take_up(self, record: Record, state: State, run_id: str, fed: Frozen) -> None:
        """Commit what is new of what is fed, beginning the run if there is none."""
        news: Sequence[Line] = ()
        while True:
            for line in news:
                state.apply(line)
            put = self._new(state, fed)
            drafts: List[Draft] = []
            if not state.n:
                drafts.append((Started, time.time(), run_id, self._plan.workflow, self._plan.graph))
            if put:
                named = tuple([Put(self._plan.data[slot].__name__, body) for slot, body, _ in put])
                drafts.append((Fed, time.time(), named))
            news = record.put(state.n, drafts) if drafts else ()
            if not news:
                break
        if not state.n:
            state.passed()
        if put:
            state.fed(put)

    def _new(self, state: State, fed: Frozen) -> List[Tuple[int, object, object]]:
        """Return what differs of what is fed from what is there: slots, bodies and values."""
        return [
            (slot, body, value)
            for slot, (body, value) in fed.items()
            if not (state.version[slot] and self._bodies.same(state.body[slot], body))
        ]

    # --- looking

    def load(self, run_id: str, /) -> Run[TargetT]:
        """Return a run as the store has it, verified; takes no lock, runs nothing and writes nothing.

        Raises:
            UnknownRun: there is no such run.
            StoreError: it cannot be read; see its subclasses.
        """
        return cast("Run[TargetT]", run_of(self._state(run_id), run_id=run_id, built=frozenset()))

    def runs(self) -> Iterator[RunSummary]:
        """Yield a summary of every run of this workflow, in no particular order, reading no payloads."""
        for run_id, last in self._journals.runs():
            # A run whose last call was killed, or that was only fed, has no status at its end: it has to be worked out.
            status = Status(last.status) if isinstance(last, Rested) else status_of(self._state(run_id))
            yield RunSummary(run_id, status, datetime.fromisoformat(last.at.replace("Z", "+00:00")))

    def delete(self, run_id: str, /) -> None:
        """Remove a run, for good.

        Raises:
            UnknownRun: there is no such run.
            RunLocked: it is being run.
        """
        self._journals.delete(run_id)

    def _begun(self, run_id: str) -> State:
        try:
            return self._state(run_id)
        except UnknownRun:
            return self._empty()

    def _state(self, run_id: str) -> State:
        state = self._empty()
        for line in self._journals.load(run_id):
            state.apply(line)
        return state

    def _empty(self) -> State:
        data, bodies = self._plan.data, self._bodies
        return State(self._plan, thaw=lambda slot, body: bodies.thaw(data[slot], body))

    # --- threads

    def _pool(self) -> Pool:
        if self._lent_pool is not None:
            return self._lent_pool
        with self._pool_lock:
            if self._own_pool is None:
                from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415  runs in one thread need none

                prefix = f"polaris-{self.workflow.name}"
                self._own_pool = ThreadPoolExecutor(self._max_workers - 1, thread_name_prefix=prefix)
            return self._own_pool

    def close(self) -> None:
        """Let the threads go; a later call begins new ones. A lent pool is left alone."""
        with self._pool_lock:
            pool, self._own_pool = self._own_pool, None
        if pool is not None:
            pool.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<executor of {self.workflow!r}>"


def _is_count(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and number >= 1
