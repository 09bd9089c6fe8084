"""Times what comes before a run: putting a graph together, imports, and the memory that a run leaves taken."""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import tracemalloc
from pathlib import Path
from typing import Callable, List, Optional, Sequence

from engines import python_for
from graphs import GRAPHS, written
from orchestration import RIVALS, Rival, shown, started
from report import report
from rivals.polaris import defined

from polaris_dsl import Executor, MemoryStore

SIZES = (100, 1_000, 10_000)
IMPORTS = {
    "polaris": "from polaris_dsl import *",
    "hamilton_driver": "from hamilton import driver",
    "sciline_pipeline": "import sciline",
    "pipefunc_pipeline": "import pipefunc",
    "burr_application": "import burr.core",
    "pydantic_graph_steps": "import pydantic_graph",
    "langgraph_state": "import langgraph.graph",
}
LIMIT_S = 60
KEPT = 200  # runs, when memory is counted


def spread(found: Sequence[float], unit: str, /) -> str:
    """Return the median of some rounds, with the least and the most of them; of one round there is only that."""
    ends = f" ({shown(min(found))} to {shown(max(found))})" if len(found) > 1 else ""
    return f"{shown(statistics.median(found))} {unit}{ends}"


def defining(rival: Rival, size: int, *, python: str, rounds: int) -> Optional[str]:
    """Return what a builder costs, in µs and beside graphlib in the same second; None if that takes too long."""
    micros, ratios = [], []
    for _ in range(rounds):
        with started(rival, python=python, limit_s=LIMIT_S, told=False) as ask:
            answer = ask(str(size))
        if answer is None:
            return None
        engine, ordering = answer
        micros.append(engine / size * 1e6)
        ratios.append(engine / ordering)
        if engine > LIMIT_S / 10:
            break
    return f"{spread(micros, 'µs')} · {spread(ratios, 'x')}"


def definition_row(title: str, rival: Rival, *, python: str, rounds: int) -> str:
    cells: List[str] = []
    for size in SIZES:
        done = None if "fails" in cells else defining(rival, size, python=python, rounds=rounds)
        cells.append(done or "fails")
    return f"| {title} | {' | '.join(cells)} |"


def import_ms(statement: str, /, *, python: str, rounds: int, after: str = "pass") -> Sequence[float]:
    code = f"from time import perf_counter\n{after}\nbegan = perf_counter()\n{statement}\nprint(perf_counter() - began)"
    compiled = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [python, "-c", code]
    runs = [subprocess.run(command, env=compiled, check=True, capture_output=True, text=True) for _ in range(rounds)]
    return [float(run.stdout.splitlines()[-1]) * 1000 for run in runs]


def bytes_each(make: Callable[[int], object]) -> float:
    make(-1)
    tracemalloc.start()
    kept = [make(at) for at in range(KEPT)]
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return taken / len(kept) / len(GRAPHS["layered"].parts)


def memory() -> Sequence[str]:
    source = written(GRAPHS["layered"])
    flow, fed = defined(source), source.fed()
    makes = [source.data(part.makes) for part in source.graph.parts]
    for _ in range(10):
        flow.run(*fed)  # until it is compiled
    executor = Executor(flow, store=MemoryStore(), max_workers=1)
    rows = {
        "the data alone, in a tuple": lambda _: tuple(data(1) for data in makes),
        "the `Run` of a `Workflow.run`": lambda _: flow.run(*fed),
        "a run in a `MemoryStore`": lambda at: executor.run(str(at), *fed) and None,
    }
    return [f"| {title} | {bytes_each(make):,.0f} |" for title, make in rows.items()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="put the tables into README.md")
    parser.add_argument("--cache", type=Path, help="keep the engines' environments in this folder")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    rivals = {rival.file: rival for rival in reversed(RIVALS) if rival.file in IMPORTS}
    definitions, imports = [], []
    with tempfile.TemporaryDirectory() as made:
        for file, statement in IMPORTS.items():
            rival = rivals[file]
            title = rival.title.partition(",")[0]
            python = python_for(rival, cache=(options.cache or Path(made)).absolute())
            definitions.append(definition_row(title, rival, python=python, rounds=options.rounds))
            spent = import_ms(statement, python=python, rounds=3 * options.rounds)
            imports.append(f"| `{statement}` | {spread(spent, 'ms')} |")
    attrs = import_ms("import attrs", python=sys.executable, rounds=3 * options.rounds)
    ours = ("import polaris_dsl", "from polaris_dsl import builder, workflow", "from polaris_dsl import *")
    beyond = {
        statement: import_ms(statement, python=sys.executable, rounds=3 * options.rounds, after="import attrs")
        for statement in ours
    }
    told = (
        f"Ten layers; medians of {options.rounds} rounds (least to most), of one where that takes more than "
        f"{LIMIT_S // 10} s; x: times graphlib, which only orders them; fails: an error, or more than {LIMIT_S} s."
    )
    lines = [
        "| definition, of each builder | 100 builders | 1,000 | 10,000 |",
        "|---|---|---|---|",
        *definitions,
        f"\n{told}\n",
        "| import | |",
        "|---|---|",
        f"| `import attrs` | {spread(attrs, 'ms')} |",
        *(f"| `{statement}` after it | {spread(spent, 'ms')} |" for statement, spent in beyond.items()),
        *imports,
        "",
        "| memory kept of a run of 10 x 10 | bytes a builder |",
        "|---|---|",
        *memory(),
    ]
    report("definition", "\n".join(lines))


if __name__ == "__main__":
    main()
