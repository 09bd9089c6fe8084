"""sciline: the graph built once for one input, or with a new input at each run; with threads by its dask scheduler."""

from __future__ import annotations

import sys
from functools import partial
from typing import Callable

from dask.threaded import get
from graphs import Written
from rivals.serve import serve
from sciline import Pipeline
from sciline.scheduler import DaskScheduler, NaiveScheduler


def define(of: Written) -> Callable[..., object]:
    pipeline = Pipeline([of.function(part.makes) for part in of.graph.parts])
    inputs, target = [of.data(name) for name in of.graph.inputs], of.data(of.graph.target)
    scheduler = DaskScheduler(partial(get, num_workers=16)) if sys.argv[1] == "threads" else NaiveScheduler()
    for data in inputs:
        pipeline[data] = data(1)
    if sys.argv[1] == "prebuilt":
        built = pipeline.get(target, scheduler=scheduler)
        return lambda *_: built.compute()

    def run(*data: object) -> object:
        for kind, value in zip(inputs, data):
            pipeline[kind] = value
        return pipeline.get(target, scheduler=scheduler).compute()

    return run


if __name__ == "__main__":
    serve(define)
