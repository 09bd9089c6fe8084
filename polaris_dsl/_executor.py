"""Runs a workflow under run ids: feeds, runs what is due, saves it, and resumes."""

from __future__ import annotations

import os
from concurrent.futures import Executor as Pool
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from functools import partial
from threading import get_ident
from typing import (
    Callable,
    Dict,
    FrozenSet,
    Generic,
    Iterator,
    Optional,
    Sequence,
    Tuple,
    TypeVar,
    Union,
    cast,
)

from typing_extensions import Self, final

from polaris_dsl._bodies import bodies_for
from polaris_dsl._express import Express, in_order
from polaris_dsl._hooked import hooked
from polaris_dsl._options import MOST_ROUNDS, check_count, seconds, seconds_to_wait
from polaris_dsl._run import Run, goes_on, run_of, status_of, wake_at
from polaris_dsl._runs import Frozen, Runs
from polaris_dsl._settle import number_of, settled
from polaris_dsl._summaries import RunSummary, going_on, summaries
from polaris_dsl._threads import Threads
from polaris_dsl._turns import Turns
from polaris_dsl._watch import Late, Watch
from polaris_dsl._workflow import AnyBuilder, Workflow
from polaris_dsl.clock import Clock, checked_clock
from polaris_dsl.errors import BuilderError, DefinitionError, PolarisError, RunLocked, UnknownRun
from polaris_dsl.hooks import Hook
from polaris_dsl.stores import MemoryStore, Store
from polaris_dsl.stores._hold import let_go

TargetT = TypeVar("TargetT")
InputT = TypeVar("InputT")
T = TypeVar("T")

_BEING_RUN: ContextVar[FrozenSet[Tuple[int, str]]] = ContextVar("polaris_being_run", default=frozenset())
"""The runs in whose builders this is called: executors, by `id`, and run ids."""


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
        max_rounds: how often one call of `run` goes round loops, at most; see `docs/loops.md`.
        hooks: who is told what happens, in this order; see `polaris_dsl.hooks`.
        clock: tells the time and waits, where builders are tried again; default: the clock of this machine.

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
        max_rounds: int = MOST_ROUNDS,
        hooks: Sequence[Hook] = (),
        clock: Optional[Clock] = None,
    ) -> None:
        if not isinstance(workflow, Workflow):
            kind = type(workflow).__name__
            raise DefinitionError(f"Executor takes a workflow, as workflow(...) returns it, not a value of type {kind}")
        if max_workers is not None:
            check_count(max_workers, argument="max_workers")
        check_count(max_rounds, argument="max_rounds")
        store = MemoryStore() if store is None else store
        if isinstance(store, type) or not hasattr(store, "encoded"):
            kind = "the class itself" if isinstance(store, type) else f"a value of type {type(store).__name__}"
            raise DefinitionError(f'store= takes a store, such as FileStore("runs"), not {kind}')
        if pool is not None and not hasattr(pool, "submit"):
            raise DefinitionError(
                f"pool= takes a concurrent.futures.Executor, not a value of type {type(pool).__name__}"
            )
        self.workflow = workflow
        plan = workflow._plan  # noqa: SLF001  facade and executor are one
        max_workers = min(32, (os.cpu_count() or 1) + 4) if max_workers is None else max_workers
        told = hooked(hooks)
        self._journals = store.open(workflow.name)
        self._runs = Runs(plan, self._journals, bodies_for(plan, encoded=store.encoded))
        self._threads = Threads(pool, max_workers=max_workers, name=f"polaris-{workflow.name}")
        self._watch = Watch()
        self._clock = checked_clock(clock)
        self._awaited_in: Dict[str, int] = {}
        one_by_one = max_workers == 1 or in_order(plan)
        self._turns = Turns(
            runs=self._runs,
            hooked=told,
            express=Express(plan, finish=self._threads.finish)
            if one_by_one and not store.encoded and told is None
            else None,
            pool=self._threads.pool,
            finish=self._threads.finish,
            watch=self._watch,
            clock=self._clock,
            max_workers=max_workers,
            one_by_one=one_by_one,
            max_rounds=max_rounds,
        )

    # --- running

    def run(
        self, run_id: str, /, *data: InputT, wait_s: Optional[float] = None, timeout_s: Optional[float] = None
    ) -> Run[TargetT]:
        """Feed data to a run, which begins with its first call, and run what is due.

        The data is committed before the first builder runs, and each result before any other builder sees it. Where
        another thread or process is running that run, the data is committed at once, the holder takes it up, and this
        call waits its turn.

        Args:
            run_id: 1 to 512 bytes in UTF-8, without NUL.
            data: values of the inputs, at most one of each. Equal to what is there already: nothing changes.
            wait_s: how many seconds to wait for the run, at most; 0: not at all; default: without limit.
            timeout_s: how many seconds the builders may take, all in all; default: that of the workflow. Then no other
                is begun, and what is still running is left to itself: its result is never seen.

        Returns:
            The run as this call left it: complete, or paused and saying what is missing.

        Raises:
            DefinitionError: `wait_s` or `timeout_s` is no time; nothing of this call was kept.
            UnexpectedData: something is not an input; nothing of this call was kept.
            BuilderError: builders raised. What did not depend on them was built and kept; the next call tries them
                again. A `TimedOut` is one whose time was over, `Interrupted` one that may not be repeated by itself.
            NotSettled: a loop was still changing after `max_rounds`; what was built was kept, the next call goes on.
            HookFailed: a strict hook raised; what was running was committed.
            RunLocked: another held the run for `wait_s`, or a builder of this run called, which would wait for itself;
                its `kept` says that the data was committed.
            StoreError: the store failed; see its subclasses.
        """
        limit_s, wait_s = self._limit(timeout_s), seconds_to_wait(wait_s)
        fed = self._runs.freeze(data)
        try:
            return self._turn(run_id, fed, wait_s=0, limit_s=limit_s)
        except RunLocked:
            left = self._runs.feed(run_id, fed) if fed else {}
        own = self._is_being_run(run_id) or self._would_block(run_id)
        try:
            return self._turn(run_id, left, wait_s=0 if own else wait_s, limit_s=limit_s)
        except RunLocked as locked:
            locked.kept, locked.own = bool(fed) and not left, own
            raise

    async def arun(
        self, run_id: str, /, *data: InputT, wait_s: Optional[float] = None, timeout_s: Optional[float] = None
    ) -> Run[TargetT]:
        """Do what `run` does, in the running asyncio loop, which it never keeps waiting.

        Async builders run in that loop, as soon as they are due; plain ones run in the pool. When this is cancelled, it
        cancels the async builders, lets the plain ones end, which cannot be stopped, and commits what has ended: the
        run can be resumed.

        Takes, returns and raises what `run` does.
        """
        from polaris_dsl._async import Held, aside_for  # noqa: PLC0415  asyncio takes long to load

        limit_s, wait_s = self._limit(timeout_s), seconds_to_wait(wait_s)
        fed = self._runs.freeze(data)
        own, aside = self._is_being_run(run_id), aside_for(self._runs, self._threads.disk)
        async with Held(self._runs, run_id, fed, wait_s=0 if own else wait_s, own=own, aside=aside) as left:
            with self._being_run(run_id), self._in_this_thread(run_id):
                return cast("Run[TargetT]", await self._turns.arun(run_id, left, timeout_s=limit_s, aside=aside))

    def feed(self, run_id: str, /, *data: InputT) -> None:
        """Commit data to a run and return at once, without running anything: for webhooks that have to answer quickly.

        A process that is running the run takes it up; otherwise the next `run(run_id)` does.

        Raises:
            UnexpectedData: something is not an input, or transient, which only `run` takes; nothing of this call was
                kept.
            StoreError: the store failed; see its subclasses.
        """
        self._runs.feed(run_id, self._runs.freeze(data, lasting=True))

    def wake(self, now: Optional[datetime] = None, /) -> Tuple[Run[TargetT], ...]:
        """Resume the runs of this workflow that nobody is running although there is something to do.

        Those are the runs in which a builder may be called again that raised `RetryAt`, and those whose status is
        *due*: a process died or was cancelled, or data was fed and nobody has run it. Runs that are paused, complete or
        failed otherwise are left alone. Call it now and then, from one process or several: a run that another one is
        running, or has just resumed, is passed over.

        Args:
            now: resume what waits until then, at the latest (with a time zone); default: the time of the clock.

        Returns:
            The runs that were resumed, as this call left them. Where builders raised, that shows in the status.

        Raises:
            DefinitionError: `now` has no time zone.
            PolarisError: a run could not be resumed or read: this is the first such error. The others were resumed.
        """
        done = list(self._wake(now))
        for error in done:
            if isinstance(error, PolarisError):
                raise error
        return tuple(run for run in done if isinstance(run, Run))

    def _wake(self, now: Optional[datetime]) -> Iterator[Union[Run[TargetT], PolarisError]]:
        """Yield each run that was resumed, and what kept others from that."""
        now = self._clock.now() if now is None else now
        if not isinstance(cast(object, now), datetime) or now.utcoffset() is None:
            raise DefinitionError(f"wake() takes a datetime with a time zone, not {now!r:.80}")
        found, problems = going_on(self._runs, now)
        woken = (self._woken(run_id, now) for run_id in found)
        yield from (one for one in woken if one is not None)
        yield from problems

    def _woken(self, run_id: str, now: datetime) -> Union[Run[TargetT], PolarisError, None]:
        try:
            return self._held(run_id, partial(self._resumed, run_id, now), wait_s=0)
        except BuilderError as error:
            return cast("Run[TargetT]", error.run)
        except (RunLocked, UnknownRun):  # another has it, or had it in between
            return None
        except PolarisError as error:
            return error

    def _resumed(self, run_id: str, now: datetime) -> Optional[Run[TargetT]]:
        """Resume a run that is held, if no other has done so meanwhile."""
        state = self._runs.state(run_id)
        if not goes_on(status_of(state), wake_at(state), now):
            return None
        return cast("Run[TargetT]", self._turns.run(run_id, {}, timeout_s=self._limit(None), now=now))

    def settle(self, run_id: str, builder: Union[AnyBuilder, str], result: object, /) -> Run[TargetT]:
        """Say how a call ended that was interrupted, of a builder with `at_most_once=True`; runs nothing.

        Args:
            run_id: the run.
            builder: the builder, or its name.
            result: what it would have returned, if its effect has happened; `RETRY` if it has not: then the next
                `run(run_id)` calls it again.

        Raises:
            NotInterrupted: it was not interrupted in this run, or was settled already.
            WrongProduct: it does not declare such a result; nothing was committed.
            CodecError: the store keeps JSON, and the result cannot be turned into it; nothing was committed.
            DefinitionError: the workflow has no such builder.
            UnknownRun: there is no such run.
            RunLocked: it is being run.
            StoreError: the store failed; see its subclasses.
        """
        number = number_of(self._runs.plan, builder)
        lock = self._journals.hold(run_id, wait_s=0)
        try:
            with lock:
                return cast("Run[TargetT]", settled(self._runs, run_id, number, result))
        except BaseException:
            let_go(lock)
            raise

    def late(self) -> Tuple[Late, ...]:
        """Return the builders that go on and that nobody waits for, in the order in which they were left behind."""
        return self._watch.late()

    def _limit(self, timeout_s: Optional[float]) -> Optional[float]:
        return self.workflow.timeout_s if timeout_s is None else seconds(timeout_s, given="run(timeout_s=...)")

    def _turn(self, run_id: str, fed: Frozen, *, wait_s: Optional[float], limit_s: Optional[float]) -> Run[TargetT]:
        run = partial(self._turns.run, run_id, fed, timeout_s=limit_s)
        return cast("Run[TargetT]", self._held(run_id, run, wait_s=wait_s))

    def _held(self, run_id: str, run: Callable[[], T], *, wait_s: Optional[float]) -> T:
        """Run a run while it is held, and let go of it wherever Ctrl-C comes: if not within the `with`, behind it."""
        outside = _BEING_RUN.get()
        lock = self._journals.hold(run_id, wait_s=wait_s)
        try:
            with lock:
                _BEING_RUN.set(outside | {(id(self), run_id)})
                ran = run()
                _BEING_RUN.set(outside)
                return ran
        except BaseException:
            _BEING_RUN.set(outside)
            let_go(lock)
            raise

    @contextmanager
    def _being_run(self, run_id: str) -> Iterator[None]:
        outside = _BEING_RUN.set(_BEING_RUN.get() | {(id(self), run_id)})
        try:
            yield
        finally:
            try:  # noqa: SIM105  runs come this way, and a context manager costs as much as all else here
                _BEING_RUN.reset(outside)
            except ValueError:  # a coroutine that is found without its loop is ended in any context
                pass

    def _is_being_run(self, run_id: str) -> bool:
        return (id(self), run_id) in _BEING_RUN.get()

    @contextmanager
    def _in_this_thread(self, run_id: str) -> Iterator[None]:
        self._awaited_in[run_id] = get_ident()
        try:
            yield
        finally:
            del self._awaited_in[run_id]

    def _would_block(self, run_id: str) -> bool:
        """Say whether to wait for a run is to keep the event loop waiting in which it goes on, or may go on."""
        return self._awaited_in.get(run_id) == get_ident() or self._threads.is_in_loop()

    # --- looking

    def load(self, run_id: str, /) -> Run[TargetT]:
        """Return a run as the store has it, verified; takes no lock, runs nothing and writes nothing.

        Raises:
            UnknownRun: there is no such run.
            StoreError: it cannot be read; see its subclasses.
        """
        return cast("Run[TargetT]", run_of(self._runs.state(run_id), run_id=run_id, built=frozenset()))

    def runs(self) -> Iterator[RunSummary]:
        """Yield a summary of every run of this workflow, in no particular order, reading no payloads.

        Raises:
            StoreError: runs could not be read: this is the first such error, raised when the others were yielded.
        """
        return summaries(self._runs)

    def delete(self, run_id: str, /) -> None:
        """Remove a run, for good.

        Raises:
            UnknownRun: there is no such run.
            RunLocked: it is being run.
        """
        self._journals.delete(run_id)

    def close(self) -> None:
        """Let the threads go, once they have ended what they do; a later call begins new ones. A lent pool is left."""
        self._threads.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_ended: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<executor of {self.workflow!r}>"
