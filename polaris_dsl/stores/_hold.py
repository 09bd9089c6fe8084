"""The run lock of a run, as a context manager that lets go of it wherever it is interrupted."""

from __future__ import annotations

from typing import Callable, ContextManager, Generator, Optional


class Hold:
    """The run lock of a run, as a context manager that is entered once.

    Ctrl-C may come before a line of `__exit__` has run. So who is interrupted calls `let_go` too, which does nothing
    where nothing is held; and nobody can keep a lock that nobody refers to.
    """

    __slots__ = ("_guard", "_let_go", "_take")

    def __init__(self, take: Callable[[], None], let_go: Callable[[], None], /) -> None:
        """Make a lock of what takes it, and of what lets go of it: all that is left of it, however often it is done."""
        self._take = take
        self._let_go = let_go
        self._guard = _guard(let_go)

    def __enter__(self) -> None:
        next(self._guard)
        try:
            self._take()
        except BaseException:
            self._let_go()
            raise

    def __exit__(self, *_ended: object) -> None:
        self.let_go()

    def let_go(self) -> None:
        """Let go of the lock, if it is held."""
        self._let_go()
        self._guard.close()


def _guard(let_go: Callable[[], None]) -> Generator[None, None, None]:
    """Let go when the last reference is gone.

    A `__del__` would also be run where all is well, and Python ignores what is raised in one: it would swallow Ctrl-C.
    """
    try:
        yield
    finally:
        let_go()


def let_go(lock: ContextManager[None], /) -> None:
    """Let go of a run lock that an interruption may have left held; one that is not of this library does so itself."""
    surely: Optional[Callable[[], None]] = getattr(lock, "let_go", None)
    if surely is not None:
        surely()
