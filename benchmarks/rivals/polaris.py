"""Polaris: `Workflow.run` with its `Run`, or an executor with a memory store, alone or with threads."""

from __future__ import annotations

import sys
from functools import reduce
from itertools import count
from operator import or_
from typing import Callable, Sequence

from graphs import Written
from rivals.serve import serve

from polaris_dsl import Executor, Hook, Workflow, builder, workflow
from polaris_dsl.hooks import BuilderStarted, DataBuilt


def defined(of: Written) -> Workflow[object, object]:
    return workflow(
        target=of.data(of.graph.target),
        inputs=reduce(or_, map(of.data, of.graph.inputs)),
        builders=[builder(of.function(part.makes)) for part in of.graph.parts],
        name="benchmark",
    )


def in_memory(of: Written) -> Callable[..., object]:
    run = defined(of).run
    return lambda *data: run(*data).target


class Deaf(Hook):
    """A hook that writes no method."""


class Idle(Hook):
    """A hook that is told of every builder, and does nothing."""

    def builder_started(self, event: BuilderStarted, /) -> None: ...
    def built(self, event: DataBuilt, /) -> None: ...


def stored(of: Written, *, max_workers: int, hooks: Sequence[Hook] = ()) -> Callable[..., object]:
    """Each run under an id of its own, and deleted in the end, or the store would grow by all of them."""
    executor = Executor(defined(of), max_workers=max_workers, hooks=hooks)
    ids = map(str, count())

    def run(*data: object) -> object:
        run_id = next(ids)
        target = executor.run(run_id, *data).target
        executor.delete(run_id)
        return target

    return run


MODES = {
    "run": in_memory,
    "executor": lambda of: stored(of, max_workers=1),
    "deaf": lambda of: stored(of, max_workers=1, hooks=[Deaf()]),
    "idle": lambda of: stored(of, max_workers=1, hooks=[Idle()]),
    "threads": lambda of: stored(of, max_workers=16),
}

if __name__ == "__main__":
    serve(MODES[sys.argv[1]])
