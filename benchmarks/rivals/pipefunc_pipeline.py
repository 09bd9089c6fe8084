"""pipefunc: a pipeline run for its last output, or mapped over a thread pool, eagerly, with results kept in memory."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Callable

from graphs import Written
from pipefunc import PipeFunc, Pipeline
from rivals.serve import serve


def define(of: Written) -> Callable[..., object]:
    pipeline = Pipeline([PipeFunc(of.function(part.makes), output_name=part.makes) for part in of.graph.parts])
    inputs, target = of.graph.inputs, of.graph.target
    if sys.argv[1] == "alone":
        return lambda *data: pipeline.run(target, kwargs=dict(zip(inputs, data)))
    pool = ThreadPoolExecutor(16)

    def run(*data: object) -> object:
        results = pipeline.map(
            dict(zip(inputs, data)),
            executor=pool,
            storage="dict",
            scheduling_strategy="eager",
            show_progress=False,
        )
        return results[target].output

    return run


if __name__ == "__main__":
    serve(define)
