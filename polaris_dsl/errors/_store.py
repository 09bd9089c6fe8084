"""What goes wrong with stores."""

from __future__ import annotations

from polaris_dsl.errors._root import PolarisError


class StoreError(PolarisError):
    """Something is wrong with where runs are saved."""


class UnknownRun(StoreError):
    """There is no run of this id."""

    def __init__(self, run_id: str, *, workflow: str) -> None:
        self.run_id = run_id
        self.workflow = workflow

    def __str__(self) -> str:
        known = f"workflow {self.workflow} has no run {self.run_id!r} in this store"
        return f"{known}\n  run() or feed() begins one"


class BadRunId(StoreError):
    """No store takes this run id."""

    def __init__(self, run_id: object, *, why: str) -> None:
        self.run_id = run_id
        self.why = why

    def __str__(self) -> str:
        return f"a run id {self.why}: {self.run_id!r:.80}\n  use a text of 1 to 512 bytes in UTF-8, without NUL"


class RunLocked(StoreError):
    """Another thread or process is running this run.

    Attributes:
        run_id: the run.
        holder: who holds it, such as `process 4711 on host shop-3`.
        since: since when, as ISO 8601 in UTC.
        kept: whether data fed in the same call was committed; the holder takes it up.
        own: whether the call would have waited for itself: a builder of this very run called, or `run` was called in
            the event loop in which the run goes on.
    """

    def __init__(self, run_id: str, *, holder: str, since: str, kept: bool = False, own: bool = False) -> None:
        self.run_id = run_id
        self.holder = holder
        self.since = since
        self.kept = kept
        self.own = own

    def __str__(self) -> str:
        kept = "\n  the data of this call was kept: the holder takes it up" if self.kept else ""
        own = (
            "\n  the call would wait for itself, made by a builder of this run or in its event loop: call feed()"
            * self.own
        )
        return f"run {self.run_id!r} is held by {self.holder} since {self.since}{kept}{own}"


class _FileError(StoreError):
    def __init__(self, path: str, *, why: str) -> None:
        self.path = path
        self.why = why


class WrongWorkflow(_FileError):
    """A journal belongs to another workflow (`found`) than the one that reads it (`expected`)."""

    def __init__(self, path: str, *, expected: str, found: str) -> None:
        super().__init__(path, why=f"is a run of workflow {found}, not of {expected}")
        self.expected = expected
        self.found = found

    def __str__(self) -> str:
        return f"{self.path}: {self.why}\n  was the file moved, or the workflow renamed?"


class CorruptJournal(_FileError):
    """A journal was damaged: `path`, `line` (from 1) and `byte` (from 0) say where. Nothing of it was used."""

    def __init__(self, path: str, *, line: int, byte: int, why: str) -> None:
        super().__init__(path, why=why)
        self.line = line
        self.byte = byte

    def __str__(self) -> str:
        return (
            f"{self.path}:{self.line}: byte {self.byte}: {self.why}\n"
            "  nothing of it was used; restore the file, or cut it there with repair(), which keeps a copy"
        )


class NotWritten(_FileError):
    """A commit failed and nothing of it was kept; the run is as it was before, and may be used on."""

    def __str__(self) -> str:
        return f"{self.path}: could not write: {self.why}\n  nothing of this commit was kept; the run may be used on"


class CommitUnknown(_FileError):
    """A commit may or may not be on disk; the next call on this run reads what is there and goes on from that."""

    def __str__(self) -> str:
        return (
            f"{self.path}: could not sync: {self.why}\n"
            "  the commit may or may not be kept; the next call on this run finds out"
        )


class UnsafeStore(_FileError):
    """The place for a store cannot be trusted, or this system cannot keep its promise."""

    def __str__(self) -> str:
        return f"{self.path}: {self.why}"


class CodecError(StoreError):
    """A data cannot be turned into JSON, or JSON not into that data.

    Attributes:
        path: where in the data, such as `PaymentRequest.items[1].qty`.
        why: what was expected, and the type (never the value) that was found.
    """

    def __init__(self, path: str, *, why: str) -> None:
        self.path = path
        self.why = why

    def __str__(self) -> str:
        return f"{self.path}: {self.why}"
