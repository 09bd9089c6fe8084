"""Times durable runs of other engines: the same seven builders, each in its own environment, in turns with the disk.

Each engine runs in a process of its own, warm before the clock starts. Every turn of an engine stands between two
turns of the bare disk (the bytes of our journal, appended and synced at each commit) and is compared with their mean.
Syncs are counted with strace, where it is installed, in a pass that is not timed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Sequence, Tuple

import attrs
from report import report

HERE = Path(__file__).parent
SYNCS = ("fsync", "fdatasync")
TRACED = (5, 25)  # orders; the syncs of starting and ending are the same in both

Go = Callable[[int], Tuple[float, List[str]]]
"""Lets an engine run so many new orders; returns the seconds per run, and their invoices."""

ROLLBACK = "four syncs a commit, but none after the rollback journal's removal: a power cut may undo the last"
ASYNC = "no: another thread saves while builders go on; all is synced when the run returns"
EXIT = "no: one commit at the end, a kill before it loses the run"
FILE = "no: nothing is ever synced, and each save overwrites the only copy in place"


@attrs.frozen
class Engine:
    title: str
    file: str
    synced: str
    """What is on the disk before the next builder runs, as seen with strace."""
    mode: Tuple[str, ...] = ()

    @property
    def requirements(self) -> Path:
        return HERE / "engines" / f"{self.file}.txt"


DISK = Engine("the bare disk", "bare_disk", "yes")
OURS = Engine("Polaris, FileStore", "ours", "yes")
ENGINES = (
    OURS,
    Engine("DBOS, SQLite", "dbos_sqlite", ROLLBACK),
    Engine("DBOS, SQLite set to WAL by hand", "dbos_sqlite", "yes (WAL, one sync a commit)", ("wal",)),
    Engine('LangGraph, SqliteSaver, "sync"', "langgraph_sqlite", "yes (WAL, two commits a builder)", ("sync",)),
    Engine('LangGraph, SqliteSaver, "async" (the default)', "langgraph_sqlite", ASYNC, ("async",)),
    Engine('LangGraph, SqliteSaver, "exit"', "langgraph_sqlite", EXIT, ("exit",)),
    Engine("pydantic-graph, FileStatePersistence", "pydantic_graph_file", FILE),
)


@attrs.frozen
class Turn:
    """The seconds per run of an engine, and of the bare disk just before and after it."""

    engine: float
    disk: float


def python_for(engine: Engine, *, cache: Path) -> str:
    """Return the Python that has an engine, in an environment below `cache` that is made if it is missing."""
    if not engine.requirements.exists():
        return sys.executable
    python = cache / engine.file / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", python.parent.parent], check=True)
    subprocess.run([python, "-m", "pip", "install", "-qq", "-r", engine.requirements], check=True)
    return str(python)


@contextmanager
def started(engine: Engine, *, python: str, root: Path, under: Sequence[str] = ()) -> Iterator[Go]:
    """Start an engine in a process of its own, with an empty folder for what it saves, and end it with the block."""
    script = HERE / "engines" / f"{engine.file}.py"
    with subprocess.Popen(
        [*under, python, script, tempfile.mkdtemp(dir=root), *engine.mode],
        env={**os.environ, "PYTHONPATH": str(HERE), "LANGSMITH_TRACING": "false"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        if process.stdout.readline() != "ready\n":
            raise SystemExit(f"{script.name} did not start; its own message stands above")

        def go(orders: int) -> Tuple[float, List[str]]:
            print(orders, file=process.stdin, flush=True)
            answer = json.loads(process.stdout.readline())
            return answer["seconds"] / orders, answer["invoices"]

        yield go


def contest(pythons: Dict[Engine, str], *, rounds: int, orders: int, root: Path) -> Dict[Engine, List[Turn]]:
    turns: Dict[Engine, List[Turn]] = {engine: [] for engine in pythons}
    with ExitStack() as stack:
        go = {e: stack.enter_context(started(e, python=python, root=root)) for e, python in pythons.items()}
        for _ in range(rounds):
            before, _ = go[DISK](orders)
            expected: List[str] = []
            for engine in ENGINES:
                seconds, invoices = go[engine](orders)
                expected = expected or invoices
                if invoices != expected:
                    raise SystemExit(f"{engine.title} made other invoices than {OURS.title}")
                after, _ = go[DISK](orders)
                turns[engine].append(Turn(seconds, (before + after) / 2))
                turns[DISK].append(Turn(after, after))
                before = after
    return turns


def syncs_per_run(engine: Engine, *, python: str, root: Path) -> str:
    strace = shutil.which("strace")
    if strace is None:
        return "not counted"
    totals = []
    for orders in TRACED:
        found = root / "strace"
        under = [strace, "-f", "-c", "-e", f"trace={','.join(SYNCS)}", "-o", str(found)]
        with started(engine, python=python, root=root, under=under) as go:
            go(orders)
        rows = [line.split() for line in found.read_text(encoding="utf-8").splitlines()]
        totals.append(sum(int(row[3]) for row in rows if row and row[-1] in SYNCS))
    return f"{(totals[1] - totals[0]) / (TRACED[1] - TRACED[0]):.0f}"


def row(engine: Engine, turns: List[Turn], syncs: str) -> str:
    ratios = sorted(turn.engine / turn.disk for turn in turns)
    times = "1" if engine is DISK else f"{statistics.median(ratios):.1f} ({ratios[0]:.1f} to {ratios[-1]:.1f})"
    rate = 1 / statistics.median(turn.engine for turn in turns)
    return f"| {engine.title} | {rate:.0f} | {times} | {syncs} | {engine.synced} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="put the table into README.md")
    parser.add_argument("--cache", type=Path, help="keep the engines' environments in this folder")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--orders", type=int, default=40, help="durable runs in each turn of an engine")
    options = parser.parse_args()
    if sys.version_info[:2] != (3, 11):
        raise SystemExit("run this with Python 3.11: the engines are pinned to versions for it")
    with tempfile.TemporaryDirectory() as made, tempfile.TemporaryDirectory(dir=os.environ.get("POLARIS_DISK")) as disk:
        cache, root = (options.cache or Path(made)).absolute(), Path(disk)
        pythons = {engine: python_for(engine, cache=cache) for engine in (DISK, *ENGINES)}
        syncs = {engine: syncs_per_run(engine, python=python, root=root) for engine, python in pythons.items()}
        turns = contest(pythons, rounds=options.rounds, orders=options.orders, root=root)
    pins = [line for file in sorted(HERE.glob("engines/*.txt")) for line in file.read_text(encoding="utf-8").split()]
    lines = [
        "| seven builders | runs/s | times the bare disk (range) | syncs a run | synced before the next builder? |",
        "|---|---|---|---|---|",
        *(row(engine, turns[engine], syncs[engine]) for engine in pythons),
        f"\n{options.rounds} rounds of {options.orders} runs each, Python 3.11, {', '.join(pins)}.",
    ]
    report("engines", "\n".join(lines))


if __name__ == "__main__":
    main()
