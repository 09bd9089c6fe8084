"""What one would write without a library: a dict of values and a loop, ordered with graphlib, or with a thread pool."""

from __future__ import annotations

import sys
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Callable, Dict

from graphlib import TopologicalSorter
from graphs import Written
from rivals.serve import serve


def alone(of: Written) -> Callable[..., object]:
    takes = {part.makes: part.takes for part in of.graph.parts}
    order = [name for name in TopologicalSorter(takes).static_order() if name in takes]
    calls = [(name, of.function(name), takes[name]) for name in order]
    inputs, target = of.graph.inputs, of.graph.target

    def run(*data: object) -> object:
        values = dict(zip(inputs, data))
        for name, function, names in calls:
            values[name] = function(*[values[taken] for taken in names])
        return values[target]

    return run


def threads(of: Written) -> Callable[..., object]:
    takes = {part.makes: part.takes for part in of.graph.parts}
    functions = {name: of.function(name) for name in takes}
    pool = ThreadPoolExecutor(16)

    def run(*data: object) -> object:
        values = dict(zip(of.graph.inputs, data))
        waiting = TopologicalSorter(takes)
        waiting.prepare()
        waiting.done(*waiting.get_ready())  # the inputs
        running: Dict[Future[object], str] = {}
        while waiting.is_active():
            for name in waiting.get_ready():
                running[pool.submit(functions[name], *[values[taken] for taken in takes[name]])] = name
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                name = running.pop(future)
                values[name] = future.result()
                waiting.done(name)
        return values[of.graph.target]

    return run


if __name__ == "__main__":
    serve({"alone": alone, "threads": threads}[sys.argv[1]])
