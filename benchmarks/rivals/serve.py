"""Lets one engine run a graph for each line of standard input, in turns with straight-line code, in one process."""

from __future__ import annotations

import gc
import json
import sys
import time
from typing import Callable, Dict, Tuple

from graphlib import TopologicalSorter
from graphs import GRAPHS, Written, layered, turn, written

WARM = 20  # runs before the first that counts

Define = Callable[[Written], Callable[..., object]]
"""Puts a graph together as an engine wants it; what it returns takes the inputs and returns the target."""


def serve(define: Define, /) -> None:
    """Answer each name of a graph with the times of a turn; each number with the time that defining so many takes."""
    runs: Dict[str, Callable[..., object]] = {}
    known: Dict[str, Written] = {}
    print("ready", flush=True)
    for line in sys.stdin:
        name = line.strip()
        if name.isdigit():
            print(json.dumps(defining(define, written(layered(int(name) // 10, 10)))), flush=True)
            continue
        if name not in runs:
            known[name] = written(GRAPHS[name])
            runs[name] = define(known[name])
            for _ in range(1 if GRAPHS[name].critical_ms else WARM):
                runs[name](*known[name].fed())
        print(json.dumps(turn(runs[name], known[name])), flush=True)


def defining(define: Define, source: Written) -> Tuple[float, float]:
    """Return the seconds that the engine takes for a graph, and those of graphlib, which only orders it."""
    gc.collect()
    began = time.perf_counter()
    list(TopologicalSorter({part.makes: part.takes for part in source.graph.parts}).static_order())
    ordered = time.perf_counter()
    define(source)
    return time.perf_counter() - ordered, ordered - began
