"""Times what engines add to the builders they call, in memory: the same graphs for all, beside straight-line Python.

Each engine runs in a process of its own, in its own environment, warm before the clock starts. A turn of an engine
stands between two turns of straight-line code in the same process, and is compared with their mean; turns go round all
engines, so that what a machine does in one minute meets them all.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Timer
from typing import Callable, Dict, Iterator, List, Optional, Sequence, Tuple

import attrs
from engines import python_for
from graphs import GRAPHS, Turn
from plot import bars
from report import report

HERE = Path(__file__).parent
ALONE = {"chain": "chain 100", "wide": "wide 100", "layered": "layered 10 x 10", "payments": "payments 7"}
THREADS = {"chain": "chain 100", "wide": "wide 100", "io": "io", "skewed": "skewed io"}

Ask = Callable[[str], Optional[Sequence[float]]]
"""Passes a line to an engine and returns its answer; None if it has died of it."""


@attrs.frozen
class Rival:
    title: str
    file: str
    mode: str = "alone"

    @property
    def requirements(self) -> Path:
        return HERE / "rivals" / f"{self.file}.txt"

    @property
    def graphs(self) -> Dict[str, str]:
        """By name: what the table calls them."""
        return THREADS if self.mode == "threads" else ALONE


OURS = Rival("**Polaris**, `Workflow.run`", "polaris", "run")
ONE_THREAD = (
    OURS,
    Rival("**Polaris**, `Executor`, `MemoryStore`", "polaris", "executor"),
    Rival("the same, a hook without methods", "polaris", "deaf"),
    Rival("the same, a hook that is told of each builder", "polaris", "idle"),
    Rival("a dict and a loop, ordered by graphlib before", "graphlib_loop"),
    Rival("sciline, built before for one input", "sciline_pipeline", "prebuilt"),
    Rival("sciline, a new input at each run", "sciline_pipeline", "new"),
    Rival("pipefunc", "pipefunc_pipeline"),
    Rival("Hamilton", "hamilton_driver"),
    Rival("dask", "dask_get"),
    Rival("burr", "burr_application"),
    Rival("pydantic-graph", "pydantic_graph_steps"),
    Rival("LangGraph", "langgraph_state"),
)
SIXTEEN_THREADS = (
    Rival("**Polaris**, `Executor`, `MemoryStore`", "polaris", "threads"),
    Rival("graphlib and a thread pool", "graphlib_loop", "threads"),
    Rival("sciline, its dask scheduler", "sciline_pipeline", "threads"),
    Rival("pipefunc, `map`, eager", "pipefunc_pipeline", "threads"),
    Rival("Hamilton, `FutureAdapter`", "hamilton_driver", "threads"),
    Rival("dask", "dask_get", "threads"),
    Rival("LangGraph", "langgraph_state", "threads"),
)
RIVALS = (*ONE_THREAD, *SIXTEEN_THREADS)

QUOTED_ON = "2026-11-23"
QUOTED = {  # chain, wide, layered, payments; divided by straight-line Python of that day
    "databuilderframework (Java 17, warm), quoted": (0.30 / 0.13, 0.22 / 0.14, 0.26 / 0.13, 0.19 / 0.14),
    "polaris (Go 1.27), quoted": (1.63 / 0.13, 2.36 / 0.14, 2.59 / 0.13, 1.79 / 0.14),
}

Turns = Dict[Tuple[Rival, str], List[Turn]]


@contextmanager
def started(rival: Rival, *, python: str, limit_s: float = 600, told: bool = True) -> Iterator[Ask]:
    """Start an engine in a process of its own, and end it with the block, or when it has taken all its time."""
    with subprocess.Popen(
        [python, HERE / "rivals" / f"{rival.file}.py", rival.mode],
        env={**os.environ, "PYTHONPATH": str(HERE), "LANGSMITH_TRACING": "false"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=None if told else subprocess.DEVNULL,
        text=True,
    ) as process:
        timer = Timer(limit_s, process.kill)
        timer.start()
        if process.stdout.readline() != "ready\n":
            raise SystemExit(f"{rival.file}.py did not start; its own message stands above")

        def ask(line: str) -> Optional[Sequence[float]]:
            print(line, file=process.stdin, flush=True)
            answer = process.stdout.readline()
            return json.loads(answer) if answer else None

        try:
            yield ask
        finally:
            timer.cancel()


def contest(pythons: Dict[Rival, str], *, rounds: int) -> Turns:
    turns: Turns = {(rival, graph): [] for rival in pythons for graph in rival.graphs}
    with ExitStack() as stack:
        ask = {each: stack.enter_context(started(each, python=python)) for each, python in pythons.items()}
        for _ in range(rounds):
            for graph in GRAPHS:
                for rival in pythons:
                    if graph in rival.graphs:
                        answer = ask[rival](graph)
                        if answer is None:
                            raise SystemExit(f"{rival.file}.py died on {graph}; its own message stands above")
                        turns[rival, graph].append(Turn(*answer))
    return turns


def ratio(turns: Sequence[Turn]) -> float:
    return statistics.median(turn.engine / turn.by_hand for turn in turns)


def shown(times: float) -> str:
    return f"{times:.2f}" if times < 10 else f"{times:,.0f}"  # noqa: PLR2004  three digits tell enough


def cell(turns: Sequence[Turn]) -> str:
    ratios = sorted(turn.engine / turn.by_hand for turn in turns)
    return f"{shown(statistics.median(ratios))} ({shown(ratios[0])} to {shown(ratios[-1])})"


def table(headline: str, rivals: Sequence[Rival], turns: Turns) -> List[str]:
    graphs = rivals[0].graphs
    lines = [f"| {headline} | {' | '.join(graphs.values())} |", "|---|" + "---|" * len(graphs)]
    return lines + [
        f"| {rival.title} | {' | '.join(cell(turns[rival, graph]) for graph in graphs)} |" for rival in rivals
    ]


def baseline(turns: Turns) -> str:
    """Return what straight-line code takes for each builder, in µs."""
    cells = [
        statistics.median(turn.by_hand for (_, name), all_turns in turns.items() if name == graph for turn in all_turns)
        / len(GRAPHS[graph].parts)
        for graph in ALONE
    ]
    return f"| straight-line Python, 1 = | {' | '.join(f'{seconds * 1e6:.2f} µs' for seconds in cells)} |"


def page(turns: Turns, *, rounds: int) -> str:
    alone = table("one thread, times straight-line code", ONE_THREAD, turns)
    quoted = [f"| {title} | {' | '.join(map(shown, times))} |" for title, times in QUOTED.items()]
    threads = table("16 threads", SIXTEEN_THREADS, turns)
    pins = [line for file in sorted(HERE.glob("rivals/*.txt")) for line in file.read_text(encoding="utf-8").split()]
    told = f"Medians of {rounds} rounds (lowest to highest), Python 3.11, {', '.join(dict.fromkeys(pins))}."
    told += f" Quoted: measured on {QUOTED_ON}, beside the straight-line Python of that day."
    return "\n".join([*alone[:2], baseline(turns), *alone[2:], *quoted, "", *threads, "", told])


def plot(turns: Turns) -> str:
    layered = list(ALONE).index("layered")
    times = {rival.title.replace("*", "").replace("`", ""): ratio(turns[rival, "layered"]) for rival in ONE_THREAD}
    times.update({title: quoted[layered] for title, quoted in QUOTED.items()})
    return bars(times, title="A run of 10 x 10 trivial builders, times straight-line Python", ours="Polaris")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="put the tables into README.md, the plot into speed.svg")
    parser.add_argument("--cache", type=Path, help="keep the engines' environments in this folder")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--plot", type=Path, help="write the plot to this file as well")
    options = parser.parse_args()
    if sys.version_info[:2] != (3, 11):
        raise SystemExit("run this with Python 3.11: the engines are pinned to versions for it")
    with tempfile.TemporaryDirectory() as made:
        cache = (options.cache or Path(made)).absolute()
        pythons = {rival: python_for(rival, cache=cache) for rival in RIVALS}
        turns = contest(pythons, rounds=options.rounds)
    report("orchestration", page(turns, rounds=options.rounds))
    for file in [options.plot] * (options.plot is not None) + [HERE / "speed.svg"] * options.write:
        file.write_text(plot(turns), encoding="utf-8")


if __name__ == "__main__":
    main()
