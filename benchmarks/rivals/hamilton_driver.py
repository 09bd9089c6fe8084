"""Hamilton: a driver over a module of functions, with a dict as its result; with threads by its `FutureAdapter`."""

from __future__ import annotations

import sys
from typing import Callable

from graphs import Written
from hamilton import base, driver
from hamilton.plugins.h_threadpool import FutureAdapter
from rivals.serve import serve


def define(of: Written) -> Callable[..., object]:
    sys.modules[of.module.__name__] = of.module  # where a driver looks up whose a function is
    result = base.DictResult()
    adapter = FutureAdapter(max_workers=16, result_builder=result) if sys.argv[1] == "threads" else result
    made = driver.Builder().with_modules(of.module).with_adapters(adapter).build()
    inputs, target = of.graph.inputs, of.graph.target
    return lambda *data: made.execute([target], inputs=dict(zip(inputs, data)))[target]


if __name__ == "__main__":
    serve(define)
