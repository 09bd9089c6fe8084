"""What the tests of async runs have in common: a small flow, real stores, and a loop that is not waited for in vain."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any, Callable, Coroutine, Dict, List, Optional, TypeVar, Union

import attrs

from polaris_dsl import Access, Executor, FileStore, MemoryStore, Workflow, builder, workflow
from polaris_dsl.stores import Line, Store
from polaris_dsl.stores.sqlite import SqliteStore

T = TypeVar("T")


@attrs.frozen
class Seed:
    number: int


@attrs.frozen
class Other:
    number: int


@attrs.frozen
class Left:
    number: int


@attrs.frozen
class Right:
    number: int


@attrs.frozen
class Both:
    number: int


Inputs = Union[Seed, Other]


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run in a new loop; what hangs fails."""
    return asyncio.run(asyncio.wait_for(coroutine, 60))


def new_store(kind: str, folder: Path) -> Store:
    """Return a real store of this kind, in this folder."""
    if kind == "memory":
        return MemoryStore()
    if kind == "file":
        return FileStore(folder / "runs", durability="process")
    return SqliteStore(folder / "runs.sqlite", durability="process")


async def come(event: threading.Event) -> None:
    """Wait for an event that any thread may set."""
    while not event.is_set():
        await asyncio.sleep(0.001)


STORES = ["memory", "file", "sqlite"]


def lines_of(executor: Executor[Any, Any], run_id: str) -> List[Line]:
    """Return the journal of a run, without times."""
    lines: List[Line] = [attrs.evolve(line, at="") for line in executor._journals.load(run_id)]
    return lines


@builder
def both(left: Left, right: Right, _: Access[Other]) -> Both:
    return Both(left.number + right.number)


def flow_of(left: Callable[..., Any], right: Callable[..., Any]) -> Workflow[Both, Inputs]:
    """Put two ways together; they are functions or builders, each of what it likes."""
    return workflow(target=Both, inputs=Inputs, builders=[builder(left), builder(right), both])


async def add_one(seed: Seed) -> Left:
    await asyncio.sleep(0)
    return Left(seed.number + 1)


def add_two(seed: Seed, other: Optional[Other]) -> Right:
    return Right(seed.number + 2 + (other.number if other else 0))


class Gate:
    """Keeps a store waiting: who comes to a gate that is shut sits there until it is opened."""

    def __init__(self, inner: Store) -> None:
        self.inner = inner
        self.encoded = inner.encoded
        self.shut: Dict[str, int] = {}
        self.reached = threading.Event()
        self.go = threading.Event()
        self.raises: Optional[Exception] = None

    def open(self, name: str, /) -> Gated:
        return Gated(self.inner.open(name), self)

    def passed(self, act: str) -> None:
        if act in self.shut:
            self.shut[act] -= 1
            if not self.shut[act]:
                del self.shut[act]
                self.reached.set()
                assert self.go.wait(30)
                if self.raises is not None:
                    raise self.raises


class Gated:
    """The journals behind the gate."""

    def __init__(self, inner: Any, gate: Gate) -> None:
        self._inner = inner
        self._gate = gate

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def append(self, *arguments: Any) -> Any:
        self._gate.passed("append")
        return self._inner.append(*arguments)

    def hold(self, run_id: str, /, *, wait_s: Optional[float] = None) -> Any:
        return Hold(self._inner.hold(run_id, wait_s=wait_s), self._gate)


class Hold:
    def __init__(self, inner: Any, gate: Gate) -> None:
        self._inner = inner
        self._gate = gate

    def __enter__(self) -> None:
        self._inner.__enter__()
        self._gate.passed("take")

    def __exit__(self, *ended: object) -> None:
        self._gate.passed("let go")
        self._inner.__exit__(*ended)
