"""Times durable runs against the disk: the same bytes, appended and synced commit by commit, in turns."""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Callable, List, Sequence, Tuple

import attrs
from payment7 import Otp, Request, payment
from report import report

from polaris_dsl import Executor, FileStore

ROUNDS = 15
RUNS = 40
THREADS = 16

Commits = Sequence[Tuple[bytes, bool]]
"""The bytes of each commit, and whether it was synced."""


@attrs.frozen
class Round:
    """The seconds per run in one round: ours, and the disk's for the same bytes."""

    ours: float
    disk: float


def commits_of(journal: bytes) -> Commits:
    """Return the commits of a journal as they were written; all but the note of the status were synced."""
    commits: List[Tuple[bytes, bool]] = []
    pending = b""
    for line in journal.splitlines(keepends=True):
        fields = json.loads(line)
        part, parts = fields.get("part", (1, 1))
        pending += line
        if part == parts:
            commits.append((pending, fields["op"] != "rest"))
            pending = b""
    return commits


def bare(commits: Commits, path: str) -> None:
    """Write a journal as the disk alone would have it: no check, no lock, only what durability asks of the system."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    at = 0
    for data, synced in commits:
        at += os.pwrite(fd, data, at)
        if synced:
            os.fdatasync(fd)
        if at == len(data):
            folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY)  # noqa: PTH120  it is timed
            os.fsync(folder)
            os.close(folder)
    os.close(fd)


def seconds(call: Callable[[int], object], numbers: Sequence[int], *, threads: int) -> float:
    """Return how long one call took, if `threads` make all of them together."""
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(time.sleep, [0.0] * threads))  # begins the threads
        began = time.perf_counter()
        if threads == 1:
            for number in numbers:
                call(number)
        else:
            list(pool.map(call, numbers))
        return (time.perf_counter() - began) / len(numbers)


class Contest:
    """Durable runs and the bare writes of the same bytes, below one folder."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.executor = Executor(payment, store=FileStore(f"{root}/ours"), max_workers=1)
        self.executor.run("model", Request("000000", 100))
        self.paused = self.journal("model")
        self.executor.run("model", Otp("123456"))
        self.added = commits_of(self.journal("model")[len(self.paused) :])
        self.executor.run("whole", Request("000000", 100), Otp("123456"))
        self.commits = commits_of(self.journal("whole"))
        for shard in range(256):
            Path(root, "bare", f"{shard:02x}").mkdir(parents=True)
        for number in range(2000):  # makes the shards of ours too: they are made once in a store's life
            self.executor.feed(f"shard-{number}", Request("000000", 100))

    def journal(self, run: str) -> bytes:
        (path,) = Path(self.root, "ours").glob(f"*/*/*-{run}.jsonl")
        return path.read_bytes()

    def run(self, number: int) -> None:
        self.executor.run(f"order-{number:06}", Request(f"{number:06}", 100), Otp("123456"))

    def write(self, number: int) -> None:
        bare(self.commits, f"{self.root}/bare/{number % 256:02x}/{number:06}")

    def pause(self, number: int) -> None:
        self.executor.run(f"paused-{number:06}", Request(f"{number:06}", 100))

    def resume(self, number: int) -> None:
        self.executor.run(f"paused-{number:06}", Otp("123456"))

    def rewrite(self, number: int) -> None:
        """Rewrite and sync what is there, and sync what is added, as a resumed run does."""
        bare([(self.paused, True), *self.added], f"{self.root}/bare/{number % 256:02x}/{number:06}-resumed")


def contest(threads: int, *, runs: int) -> List[Round]:
    """Run and write in turns, round by round."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("POLARIS_DISK")) as root:
        both = Contest(root)
        numbers = [range(number * runs, (number + 1) * runs) for number in range(ROUNDS)]
        return [Round(seconds(both.run, n, threads=threads), seconds(both.write, n, threads=threads)) for n in numbers]


def resumes() -> List[Round]:
    """Resume paused runs and rewrite their journals in turns, round by round."""
    rounds = []
    with tempfile.TemporaryDirectory(dir=os.environ.get("POLARIS_DISK")) as root:
        both = Contest(root)
        for number in range(ROUNDS):
            numbers = range(number * RUNS, (number + 1) * RUNS)
            seconds(both.pause, numbers, threads=1)
            rounds.append(Round(seconds(both.resume, numbers, threads=1), seconds(both.rewrite, numbers, threads=1)))
    return rounds


def row(name: str, rounds: Sequence[Round]) -> str:
    ratios = sorted(each.disk / each.ours for each in rounds)
    beyond = statistics.median(each.ours - each.disk for each in rounds)
    rate = 1 / statistics.median(each.ours for each in rounds)
    return (
        f"| {name} | {statistics.median(ratios):.2f} | {ratios[1]:.2f} to {ratios[-2]:.2f} "
        f"| {beyond * 1000:.2f} ms | {rate:.0f} |"
    )


def main() -> None:
    lines = [
        "| seven builders, synced | of the disk's limit | range of the rounds | beyond it, a run | runs/s |",
        "|---|---|---|---|---|",
        row("a whole run, 1 thread", contest(1, runs=RUNS)),
        row(f"a whole run each, {THREADS} threads", contest(THREADS, runs=4 * RUNS)),
        row("resuming a paused run", resumes()),
    ]
    report("durable", "\n".join(lines))


if __name__ == "__main__":
    main()
