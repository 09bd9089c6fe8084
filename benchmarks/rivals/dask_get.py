"""dask: a fresh dict of calls with the input in it, as `get` takes it, computed in this thread or by sixteen."""

from __future__ import annotations

import sys
from functools import partial
from typing import Callable

import dask
import dask.threaded
from graphs import Written
from rivals.serve import serve


def define(of: Written) -> Callable[..., object]:
    calls = {part.makes: (of.function(part.makes), *part.takes) for part in of.graph.parts}
    inputs, target = of.graph.inputs, of.graph.target
    get = partial(dask.threaded.get, num_workers=16) if sys.argv[1] == "threads" else dask.get
    return lambda *data: get({**calls, **dict(zip(inputs, data))}, target)


if __name__ == "__main__":
    serve(define)
