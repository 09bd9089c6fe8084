"""Forked processes, and the pipes by which they tell others how far they came."""

from __future__ import annotations

import os
import select
import signal
import traceback
from typing import Callable, List, NoReturn, Optional

import attrs
from typing_extensions import Self

Say = Callable[[str], None]
END = "END"
FAILED = "FAILED"


class Child:
    """A forked process that does some work and ends; killed if it has not ended with the block."""

    def __init__(self, work: Callable[[], object]) -> None:
        self.pid = os.fork()
        if self.pid == 0:
            code = 1
            try:
                work()
                code = 0
            except BaseException:  # noqa: BLE001  a child must not come back into the tests
                traceback.print_exc()
            os._exit(code)
        self._ended: Optional[int] = None

    def ends_well(self) -> bool:
        if self._ended is None:
            self._ended = os.waitpid(self.pid, 0)[1]
        return self._ended == 0

    def kill(self) -> None:
        if self._ended is None:
            os.kill(self.pid, signal.SIGKILL)
            self.ends_well()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


class Signal:
    """Lets one process wait for another."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()

    def send(self, data: bytes = b".") -> None:
        os.write(self._write, data)

    def is_there(self, *, wait_s: float) -> bool:
        return bool(select.select([self._read], [], [], wait_s)[0])

    def wait(self) -> None:
        assert self.is_there(wait_s=20), "nothing came"
        assert os.read(self._read, 1)

    def close(self) -> None:
        os.close(self._read)
        os.close(self._write)


def die() -> NoReturn:
    """End this process as `kill -9` does: nothing is closed, flushed or said."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("it lives on")


@attrs.frozen
class Said:
    """What a process told before it died, line by line, and whether it had come to its end by then."""

    lines: List[str]
    ended: bool


class Doomed:
    """A forked process that works until it is killed, and tells its parent what was acknowledged to it.

    What is told passes through a pipe, which a kill of the process that told it leaves whole.
    """

    def __init__(self, work: Callable[[Say], object], /) -> None:
        self.reading, write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.reading)
            _work_and_die(work, write)
        os.close(write)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def wait_for_a_word(self, *, wait_s: float) -> None:
        """Wait until it has told something, or has died."""
        select.select([self.reading], [], [], wait_s)

    def so_far(self) -> List[str]:
        """Return what it has told by now; `bury` will not return it again."""
        data = b""
        while select.select([self.reading], [], [], 0)[0]:
            more = os.read(self.reading, 1 << 16)
            if not more:
                break  # it is dead
            data += more
        return data.decode().splitlines()

    def bury(self) -> Said:
        """Wait until it is dead, and return what it told."""
        return bury(self)[0]


def bury(*doomed: Doomed) -> List[Said]:
    """Wait until all are dead, and return what each told; all are heard at once, for who is not heard falls silent."""
    told = {one.reading: b"" for one in doomed}
    speaking = list(told)
    while speaking:
        for reading in select.select(speaking, [], [])[0]:
            more = os.read(reading, 1 << 16)
            told[reading] += more
            if not more:
                speaking.remove(reading)
    for one in doomed:
        os.close(one.reading)
        os.waitpid(one.pid, 0)
    return [_said(data.decode()) for data in told.values()]


def _said(text: str) -> Said:
    lines = text.splitlines()
    assert FAILED not in lines, text.partition(FAILED)[2]
    return Said([line for line in lines if line != END], ended=END in lines)


def _work_and_die(work: Callable[[Say], object], write: int) -> NoReturn:
    """Killed also at its end: so thousands of children leave nothing behind, not even what measures coverage."""

    def say(line: str) -> None:
        os.write(write, line.encode() + b"\n")

    try:
        work(say)
        say(END)
    except BaseException:  # noqa: BLE001  a child must not come back into the tests
        say(f"{FAILED}\n{traceback.format_exc()}")
    die()
