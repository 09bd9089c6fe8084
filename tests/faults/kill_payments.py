"""Kills the payments example at random moments, starts it again until it is done, and compares how it ends.

python tests/faults/kill_payments.py --kills 200 --orders 40
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Iterator, List, Sequence, Tuple

import attrs

REPOSITORY = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-m", "examples.payments")
MARK = "no-file-may-hold-this"
"""In every CVV of a marked copy."""
TOGETHER = 0.7
"""How many of the kills take all processes of the example, and not only the first."""


@attrs.frozen
class End:
    """How the story ended: its tables, the orders for which the bank has acted twice, the files that hold a CVV."""

    tables: str
    doubled: Tuple[str, ...]
    leaked: Tuple[str, ...]


@attrs.define
class Killed:
    """What came of all the kills."""

    kills: int = 0
    tellings: int = 0
    changed: List[str] = attrs.field(factory=list)
    doubled: List[str] = attrs.field(factory=list)
    leaked: List[str] = attrs.field(factory=list)

    def __str__(self) -> str:
        return (
            f"{self.kills} kills in {self.tellings} tellings: {len(self.changed)} tables changed,"
            f" {len(self.doubled)} bank effects doubled, {len(self.leaked)} files with a CVV"
        )


@attrs.frozen
class Story:
    """The example with so many orders; `command` starts it, in a copy of the repository, or in that itself."""

    orders: int
    command: Sequence[str] = COMMAND
    root: Path = REPOSITORY

    @contextlib.contextmanager
    def begun(self, folder: Path, /, *, stdout: int) -> Iterator[subprocess.Popen[str]]:
        """Start it, in a group of its own; at the end wait for the last of its processes: one may outlive the other."""
        with subprocess.Popen(
            [*self.command, "--state", str(folder), "--orders", str(self.orders)],
            cwd=str(self.root),
            env={**os.environ, "PYTHONIOENCODING": "utf-8", "COLUMNS": "80"},
            stdout=stdout,
            stderr=subprocess.PIPE,  # open for as long as one of them lives
            encoding="utf-8",
            start_new_session=True,
        ) as process:
            yield process
            assert process.stderr is not None
            process.stderr.read()

    def end(self, folder: Path, /) -> End:
        """Tell it to its end."""
        with self.begun(folder, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            told = process.stdout.read()
        assert process.returncode == 0, told
        tables = told[told.rindex("Where each payment stands") : told.rindex("Each file in")]
        return End(tables, tuple(doubled(folder)), tuple(leaked(folder)))


def marked_copy(folder: Path, /) -> Path:
    """Copy the example, with CVVs that can be told from all else in a file; return where it can be started."""
    root = folder / "marked"
    shutil.copytree(str(REPOSITORY / "examples"), str(root / "examples"), ignore=shutil.ignore_patterns("__pycache__"))
    orders = root / "examples" / "payments" / "orders.jsonl"
    rows = [json.loads(line) for line in orders.read_text(encoding="utf-8").splitlines()]
    marked = [{**row, "cvv": f"{MARK} {row['cvv']}"} if "cvv" in row else row for row in rows]
    orders.write_text("".join(json.dumps(row) + "\n" for row in marked), encoding="utf-8")
    return root


def leaked(folder: Path, /) -> List[str]:
    """Return the files below a folder that hold a marked CVV."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [str(path.relative_to(folder)) for path in files if MARK.encode() in path.read_bytes()]


def doubled(folder: Path, /) -> List[str]:
    """Return the orders for which more than one amount was held, or charged: each has one key, however often asked."""
    with contextlib.closing(sqlite3.connect(str(folder / "bank.sqlite"))) as db:
        rows = [
            *db.execute("SELECT 'hold', order_id FROM holds GROUP BY order_id HAVING count(*) > 1"),
            *db.execute("SELECT 'charge', order_id FROM charges GROUP BY order_id HAVING count(*) > 1"),
        ]
    return [f"{effect} {order_id}" for effect, order_id in rows]


def kill(story: Story, folder: Path, /, *, kills: int, seed: int) -> Killed:
    """Kill the story so many times; each telling is begun again and again until it comes to its end."""
    chance = random.Random(seed)
    began = time.monotonic()
    wanted = story.end(folder / "undisturbed")
    whole_s = time.monotonic() - began
    came = Killed(doubled=list(wanted.doubled), leaked=list(wanted.leaked))
    while came.kills < kills:
        came.tellings += 1
        state = folder / str(came.tellings)
        with contextlib.ExitStack() as living:
            while came.kills < kills:
                process = living.enter_context(story.begun(state, stdout=subprocess.DEVNULL))
                if over(process, within_s=chance.random() * whole_s):
                    break
                came.kills += 1
                # The second process dies too, or goes on while the story is told again.
                (os.killpg if chance.random() < TOGETHER else os.kill)(process.pid, signal.SIGKILL)
            came.leaked += leaked(state)
            end = story.end(state)
        came.doubled += end.doubled
        came.leaked += end.leaked
        if end.tables != wanted.tables:
            came.changed.append(end.tables)
    return came


def over(process: subprocess.Popen[str], *, within_s: float) -> bool:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(within_s)
        return True
    return False


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--orders", type=int, default=40)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        story = Story(options.orders, root=marked_copy(Path(folder)))
        came = kill(story, Path(folder), kills=options.kills, seed=options.seed)
    sys.stdout.write(f"{came} (seed {options.seed})\n{''.join(came.changed[:1])}")
    return 1 if came.changed or came.doubled or came.leaked else 0


if __name__ == "__main__":
    sys.exit(main())
