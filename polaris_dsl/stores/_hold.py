"""The run lock of a run, as a context manager that lets go of it however it is interrupted."""

from __future__ import annotations

from typing import Callable, ContextManager, Optional

LetGo = Callable[[], None]
"""Lets go of a run lock. Where it was interrupted it can be called again, which does what is left to do."""


class Hold:
    """The run lock of a run, as a context manager that is entered once.

    Ctrl-C may come before a line of `__exit__` has run. So who is interrupted calls `let_go` too, which does nothing
    where nothing is held; and nobody can keep a lock that nobody refers to.
    """

    __slots__ = ("_let_go", "_take")

    def __init__(self, take: Callable[[], LetGo], /) -> None:
        """Make a lock that `take` takes; it returns what lets go of it."""
        self._let_go: Optional[LetGo] = None
        self._take = take

    def __enter__(self) -> None:
        self._let_go = self._take()

    def __exit__(self, *_ended: object) -> None:
        self.let_go()

    def let_go(self) -> None:
        """Let go of the lock, if it is held."""
        held: Optional[LetGo] = getattr(self, "_let_go", None)  # there may be none: `__init__` too can be interrupted
        if held is not None:
            held()
            self._let_go = None

    def __del__(self) -> None:
        self.let_go()


def let_go(lock: ContextManager[None], /) -> None:
    """Let go of a run lock that an interruption may have left held; one that is not of this library does so itself."""
    surely: Optional[LetGo] = getattr(lock, "let_go", None)
    if surely is not None:
        surely()
