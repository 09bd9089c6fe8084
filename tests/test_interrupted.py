"""Ctrl-C at any place of a call: it ends, what it had committed stays, and the next call goes on."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from types import FrameType
from typing import Any, Callable, Iterator

import attrs
import pytest
from typing_extensions import Self

import polaris_dsl
from polaris_dsl import Executor, FileStore, MemoryStore, Status, Workflow, builder, workflow
from polaris_dsl._straight import PAYS_AT
from polaris_dsl.stores import Built, Store

LIBRARY = str(Path(polaris_dsl.__file__).parent)
HEARD_IN = (LIBRARY, contextlib.__file__, "<polaris plan")
"""Where Ctrl-C is put: not into the standard library's threads, which it can leave broken."""
UNHEARD = {"<genexpr>", "__del__", "forget"}
"""What Python ends where nobody can hear it."""


@attrs.frozen
class Seed:
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


def flow() -> Workflow[Both, Seed]:
    @builder
    def left(seed: Seed) -> Left:
        return Left(seed.number)

    @builder
    def right(seed: Seed) -> Right:
        return Right(seed.number)

    @builder
    def both(left: Left, right: Right) -> Both:
        return Both(left.number + right.number)

    return workflow(target=Both, inputs=Seed, builders=[left, right, both], name="pair")


class CtrlC:
    """Raises KeyboardInterrupt in this thread at one place: where the nth function begins, or has come to its end."""

    def __init__(self, nth: int, *, at: str) -> None:
        self.left = nth
        self.at = at

    def __enter__(self) -> Self:
        self.before = sys.gettrace()
        sys.settrace(self.trace)
        return self

    def __exit__(self, *ended: object) -> None:
        sys.settrace(self.before)

    def trace(self, frame: FrameType, event: str, _: object) -> Any:
        around = {frame.f_code.co_name, frame.f_back.f_code.co_name if frame.f_back else ""}
        if not frame.f_code.co_filename.startswith(HEARD_IN) or around & UNHEARD:
            return None
        if event == self.at:
            self.left -= 1
            if not self.left:
                sys.settrace(None)
                raise KeyboardInterrupt
        return self.trace


def interrupted_everywhere(act: Callable[[int], object], *, at: str) -> Iterator[int]:
    """Act again and again, interrupted at one place after the other, until there is none."""
    nth = 0
    while True:
        nth += 1
        with CtrlC(nth, at=at) as place:
            try:
                act(nth)
            except KeyboardInterrupt:
                yield nth
        if place.left > 0:
            assert nth > 20
            return


@pytest.fixture(params=["straight", "one thread", "two threads", "files"])
def executor(request: Any, tmp_path: Path) -> Iterator[Executor[Both, Seed]]:
    kind = request.param
    store: Store = FileStore(tmp_path, durability="process") if kind == "files" else MemoryStore()
    with Executor(flow(), store=store, max_workers=2 if kind == "two threads" else 1) as made:
        if kind == "straight":
            for number in range(PAYS_AT):
                made.run(f"warm-{number}", Seed(0))
        elif made._turns.express is not None:
            made._turns = attrs.evolve(made._turns, express=None)
        yield made


@pytest.mark.parametrize("at", ["call", "return"])
def test_ctrl_c_at_any_place_ends_the_call_and_leaves_the_run_to_the_next(
    executor: Executor[Both, Seed], at: str
) -> None:
    for nth in interrupted_everywhere(lambda nth: executor.run(f"r{nth}", Seed(nth)), at=at):
        run_id = f"r{nth}"
        run = executor.run(run_id, Seed(nth), wait_s=0)
        loaded = executor.load(run_id)
        assert (run.target, loaded.target, loaded.status) == (Both(2 * nth), Both(2 * nth), Status.COMPLETE)
        built = [line.by for line in executor._journals.load(run_id) if isinstance(line, Built)]
        assert sorted(built) == ["both", "left", "right"]
