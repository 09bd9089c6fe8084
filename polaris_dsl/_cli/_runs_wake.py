"""`polaris runs wake`: resumes the runs of a workflow that are due, or wait for a time that has come."""

from __future__ import annotations

import argparse
import sys
from contextlib import contextmanager
from typing import Any, Iterator

from polaris_dsl._cli._find import wish_of
from polaris_dsl._cli._load import named
from polaris_dsl._cli._runs_store import CannotDo, first_line, opened, store_path
from polaris_dsl._cli._runs_text import count, plain, to_json
from polaris_dsl._executor import Executor
from polaris_dsl._run import Run, Status
from polaris_dsl._workflow import Workflow
from polaris_dsl.stores._lines import moment, stamp_of


def wake_runs(arguments: argparse.Namespace, /) -> int:
    """Resume the runs in which there is something to do, and tell of each where it stands; returns 1 if some failed."""
    now = None if arguments.now is None else moment(arguments.now)
    with named(wish_of([arguments.what])) as value, _executor_of(value, arguments) as executor:
        workflow, done = executor.workflow.name, list(executor._wake(now))  # noqa: SLF001  facade and command are one
    runs = [one for one in done if isinstance(one, Run)]
    for run in runs:
        _tell(run, workflow, as_json=arguments.json)
    if not arguments.json:
        print(f"resumed {count(len(runs), 'run')}")
    for one in done:
        if not isinstance(one, Run):
            print(f"polaris: {first_line(one)}", file=sys.stderr)
    return int(len(runs) < len(done) or any(run.status is Status.FAILED for run in runs))


def _tell(run: Run[object], workflow: str, *, as_json: bool) -> None:
    wake = None if run.wake_at is None else stamp_of(run.wake_at)
    if as_json:
        print(to_json({"run": run.id, "workflow": workflow, "status": run.status.value, "wake_at": wake}))
    else:
        print(f"{run.status.value:<8}  {plain(run.id)}" + (f"  (wakes at {wake})" if wake else ""))


@contextmanager
def _executor_of(value: object, arguments: argparse.Namespace) -> Iterator[Executor[Any, Any]]:
    """Give the executor that was named, or one for the workflow and the store that were."""
    if isinstance(value, Executor):
        if arguments.store is not None:
            raise CannotDo(f"{plain(arguments.what)} is an executor, which has its store: leave out --store")
        yield value
    elif isinstance(value, Workflow):
        with opened(store_path(arguments.store)) as store, Executor(value, store=store) as executor:
            yield executor
    else:
        kind = type(value).__name__
        raise CannotDo(f"{plain(arguments.what)} is a value of type {kind}, not a workflow or an executor")
