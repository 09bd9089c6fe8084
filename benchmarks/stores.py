"""Times the file store and the SQLite store on the same runs, in turns."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache, partial
from pathlib import Path
from typing import Callable, List, Sequence

import attrs
from durable import seconds
from payment7 import Invoice, Otp, Request, payment
from report import report
from typing_extensions import Literal

from polaris_dsl import Executor, FileStore
from polaris_dsl.stores import Started, Store
from polaris_dsl.stores.sqlite import SqliteStore

ROUNDS = 15
RUNS = 40
THREADS = 16
PROCESSES = 4
MANY = 100_000


@attrs.frozen
class Round:
    """What one round took, in the same unit: with the file store, and with the SQLite store."""

    file: float
    sqlite: float


@attrs.frozen
class Contest:
    """The two stores in one folder."""

    root: str
    file: Store
    sqlite: SqliteStore

    def each(self, measure: Callable[[Store], float]) -> Round:
        return Round(measure(self.file), measure(self.sqlite))

    def listed(self) -> Round:
        """Return how long `polaris runs list` takes for each, from its start to its end."""
        return Round(*(_listed(str(Path(self.root, name))) for name in ("file", "sqlite/runs.db")))

    def size(self) -> Round:
        """Return how many bytes of the disk each takes, when nobody uses it."""
        self.sqlite.close()
        return Round(*(_taken(Path(self.root, name)) for name in ("file", "sqlite")))


def _taken(folder: Path) -> float:
    return sum(path.stat().st_blocks for path in folder.rglob("*")) * 512


def _listed(path: str) -> float:
    began = time.perf_counter()
    command = [sys.executable, "-m", "polaris_dsl", "runs", "list", "--store", path]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    taken = time.perf_counter() - began
    if done.stdout.count(b"\n") <= MANY:
        raise SystemExit(f"{command} listed too few runs")
    return taken


def contest(root: str, *, power: bool) -> Contest:
    durability: Literal["power", "process"] = "power" if power else "process"
    files = FileStore(f"{root}/file", durability=durability)
    return Contest(root, files, SqliteStore(f"{root}/sqlite/runs.db", durability=durability))


def run(threads: int, *, runs: int, power: bool = True) -> List[Round]:
    """Do whole runs in turns, round by round."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("POLARIS_DISK")) as root:
        both = contest(root, power=power)

        def measure(store: Store, numbers: Sequence[int]) -> float:
            executor = Executor(payment, store=store, max_workers=1)
            return seconds(
                lambda number: executor.run(f"order-{number:06}", Request(f"{number:06}", 100), Otp("123456")),
                numbers,
                threads=threads,
            )

        both.each(lambda store: measure(store, range(-2000, -1000) if power else range(-100, 0)))  # makes the shards
        rounds = [range(number * runs, (number + 1) * runs) for number in range(ROUNDS)]
        found = [both.each(lambda store: measure(store, numbers)) for numbers in rounds]  # noqa: B023  called at once
        both.sqlite.close()
        return found


@lru_cache(maxsize=None)
def opened(root: str, kind: str) -> Executor[Invoice, Request | Otp]:
    """Return the executor of this process on one of the stores."""
    both = contest(root, power=True)
    return Executor(payment, store=both.file if kind == "file" else both.sqlite, max_workers=1)


def run_one(number: int, *, root: str, kind: str) -> None:
    opened(root, kind).run(f"order-{number:06}", Request(f"{number:06}", 100), Otp("123456"))


def run_in_processes(*, runs: int) -> List[Round]:
    """Do whole runs in several processes, in turns, round by round."""
    folder = tempfile.TemporaryDirectory(dir=os.environ.get("POLARIS_DISK"))
    with folder as root, ProcessPoolExecutor(PROCESSES) as pool:

        def measure(kind: str, numbers: Sequence[int]) -> float:
            began = time.perf_counter()
            list(pool.map(partial(run_one, root=root, kind=kind), numbers))
            return (time.perf_counter() - began) / len(numbers)

        for kind in ("file", "sqlite"):
            measure(kind, range(-2000, -1800))
        rounds = [range(number * runs, (number + 1) * runs) for number in range(ROUNDS)]
        return [Round(measure("file", numbers), measure("sqlite", numbers)) for numbers in rounds]


def many() -> Sequence[List[Round]]:
    """List many runs in turns, and see what they take of the disk."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("POLARIS_DISK")) as root:
        both = contest(root, power=False)

        def fill(store: Store) -> float:
            Executor(payment, store=store, max_workers=1).run("model", Request("000000", 100), Otp("123456"))
            journals = store.open(payment.name)
            begun, *lines, rested = journals.load("model")
            for number in range(MANY):
                name = f"order-{number:06}"
                journals.append(name, 0, [Started(begun.at, name, payment.name, "graph"), *lines])
                journals.append(name, len(lines) + 1, [rested])
            return 0.0

        def listing(store: Store) -> float:
            began = time.perf_counter()
            found = len(list(store.open(payment.name).runs()))
            taken = time.perf_counter() - began
            if found <= MANY:
                raise SystemExit(f"{found} runs are listed of {MANY}")
            return taken

        both.each(fill)
        both.each(listing)
        listings = [both.each(listing) for _ in range(5)]
        return listings, [both.listed() for _ in range(5)], [both.size()]


def row(name: str, rounds: Sequence[Round], *, show: Callable[[float], str]) -> str:
    ratios = sorted(each.file / each.sqlite for each in rounds)
    spread = f"{ratios[len(ratios) // 10]:.2f} to {ratios[-1 - len(ratios) // 10]:.2f}" if len(ratios) > 1 else ""
    file, sqlite = (statistics.median(getattr(each, name) for each in rounds) for name in ("file", "sqlite"))
    return f"| {name} | {show(file)} | {show(sqlite)} | {statistics.median(ratios):.2f} | {spread} |"


def rate(taken_s: float) -> str:
    return f"{1 / taken_s:.0f} runs/s"


def main() -> None:
    listings, commands, sizes = many()
    lines = [
        "| | files | SQLite | SQLite is better by | range of the rounds |",
        "|---|---|---|---|---|",
        row("a whole run, 1 thread", run(1, runs=RUNS), show=rate),
        row(f"a whole run each, {THREADS} threads", run(THREADS, runs=4 * RUNS), show=rate),
        row(f"a whole run each, {PROCESSES} processes", run_in_processes(runs=2 * RUNS), show=rate),
        row('a whole run with `durability="process"`, 1 thread', run(1, runs=2 * RUNS, power=False), show=rate),
        row(f"listing {MANY:,} runs", listings, show=lambda taken_s: f"{taken_s:.2f} s"),
        row(f"`polaris runs list` of {MANY:,} runs", commands, show=lambda taken_s: f"{taken_s:.2f} s"),
        row(f"{MANY:,} runs on disk", sizes, show=lambda size: f"{size / 2**20:.0f} MiB"),
    ]
    report("stores", "\n".join(lines))


if __name__ == "__main__":
    main()
