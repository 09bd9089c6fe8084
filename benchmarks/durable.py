"""Times durable runs against the disk: the same bytes, appended and synced commit by commit, in turns.

One thread takes turns run by run, for others may use the disk too; of several threads a turn is a whole round.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Callable, Iterator, List, Sequence, Tuple

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


def in_turns(ours: Callable[[int], object], disk: Callable[[int], object], numbers: Sequence[int]) -> Round:
    """Make one call of each after the other."""
    calls, taken_s = (ours, disk), [0.0, 0.0]
    for number in numbers:
        for at, call in enumerate(calls):
            began = time.perf_counter()
            call(number)
            taken_s[at] += time.perf_counter() - began
    return Round(taken_s[0] / len(numbers), taken_s[1] / len(numbers))


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


def numbers_of(rounds: int, *, runs: int) -> Iterator[Sequence[int]]:
    return (range(number * runs, (number + 1) * runs) for number in range(rounds))


def alone() -> List[Round]:
    with tempfile.TemporaryDirectory(dir=os.environ.get("POLARIS_DISK")) as root:
        both = Contest(root)
        return [in_turns(both.run, both.write, numbers) for numbers in numbers_of(ROUNDS, runs=RUNS)]


def threads() -> List[Round]:
    with tempfile.TemporaryDirectory(dir=os.environ.get("POLARIS_DISK")) as root:
        both = Contest(root)
        rounds = numbers_of(ROUNDS, runs=4 * RUNS)
        calls = both.run, both.write
        return [Round(*(seconds(call, numbers, threads=THREADS) for call in calls)) for numbers in rounds]


def resumes() -> List[Round]:
    """Resume paused runs, against the rewriting of their journals."""
    rounds = []
    with tempfile.TemporaryDirectory(dir=os.environ.get("POLARIS_DISK")) as root:
        both = Contest(root)
        for numbers in numbers_of(ROUNDS, runs=RUNS):
            for number in numbers:
                both.pause(number)
            rounds.append(in_turns(both.resume, both.rewrite, numbers))
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
        row("a whole run, 1 thread", alone()),
        row(f"a whole run each, {THREADS} threads", threads()),
        row("resuming a paused run", resumes()),
    ]
    report("durable", "\n".join(lines))


if __name__ == "__main__":
    main()
