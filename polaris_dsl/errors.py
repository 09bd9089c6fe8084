"""Every error that the library raises, in three families: definition, run, store."""

from __future__ import annotations

from typing import Mapping, Optional, Sequence, Tuple, Type, TypeVar

from typing_extensions import Protocol, Self

from polaris_dsl.diagnostics import Diagnostic, render

T = TypeVar("T")

__all__ = [
    "BadRunId",
    "BuilderError",
    "CodecError",
    "CommitUnknown",
    "CorruptJournal",
    "DefinitionError",
    "HookFailed",
    "IncompleteRun",
    "NotWritten",
    "PolarisError",
    "RunError",
    "RunLocked",
    "RunSoFar",
    "StoreError",
    "UnexpectedData",
    "UnknownRun",
    "UnsafeStore",
    "WorkflowError",
    "WrongProduct",
    "WrongWorkflow",
]


def _blank(cls: Type[PolarisError]) -> PolarisError:
    return cls.__new__(cls)


def _portable(value: T) -> Optional[T]:
    """Return what pickles, or None: exceptions and data of users may not, and must not take our error with them."""
    import pickle  # noqa: PLC0415  slow to load

    try:
        pickle.loads(pickle.dumps(value))  # noqa: S301  what was pickled just now
    except Exception:  # noqa: BLE001  their classes may raise anything
        return None
    return value


def _text_of(cause: BaseException) -> str:
    try:
        return str(cause)
    except Exception:  # noqa: BLE001  an exception of a user that cannot even be told
        return ""


def _raised(error: BaseException) -> str:
    cause = error.__cause__
    return "failed" if cause is None else f"raised {': '.join(filter(None, [type(cause).__name__, _text_of(cause)]))}"


class PolarisError(Exception):
    """The root of all errors of this library: data in attributes, told in `str()`; survives pickling with its cause."""

    def __reduce__(self) -> Tuple[object, ...]:
        # The state goes in after the error was made: a failure stands among its own `failures`.
        state = {**self.__dict__, "__cause__": _portable(self.__cause__)}
        if "run" in state:
            state["run"] = _portable(state["run"])
        return _blank, (type(self),), state


# --- definition ------------------------------------------------------------------------------------------------------


class DefinitionError(PolarisError):
    """Something is wrong with how builders or a workflow were written."""

    def __init__(self, message: str) -> None:
        self.message = message

    def __str__(self) -> str:
        return self.message


class WorkflowError(DefinitionError):
    """A workflow cannot work; `diagnostics` holds every problem, causes before consequences."""

    def __init__(self, name: str, diagnostics: Sequence[Diagnostic]) -> None:
        self.name = name
        self.diagnostics: Tuple[Diagnostic, ...] = tuple(diagnostics)

    def __str__(self) -> str:
        count = len(self.diagnostics)
        told = "\n\n".join(render(diagnostic) for diagnostic in self.diagnostics)
        named = f"workflow {self.name}" if self.name else "the workflow"
        return f"{named} has {count} problem{'s' if count > 1 else ''}\n\n{told}"


# --- run -------------------------------------------------------------------------------------------------------------


class RunSoFar(Protocol):
    """What an error knows of a run: a `Run`, whatever its target."""

    @property
    def id(self) -> str:
        """The run id."""

    @property
    def missing(self) -> Tuple[type, ...]:
        """The inputs that it waits for."""

    @property
    def silent(self) -> Tuple[str, ...]:
        """The builders on a way to the target that returned nothing."""

    @property
    def built(self) -> Mapping[type, object]:
        """What this call made."""

    def get(self, data: Type[T], /) -> Optional[T]:
        """Return the value of a data, or None while it is absent."""

    def __getitem__(self, data: Type[T], /) -> T: ...
    def __contains__(self, data: object, /) -> bool: ...


class RunError(PolarisError):
    """Something went wrong in one run."""


class BuilderError(RunError):
    """A builder raised; its exception is the `__cause__`.

    Attributes:
        builder: the name of the builder, the first in plan order of those that failed in this call.
        run_id: the run.
        place: file and line where the exception came from.
        run: the run so far; what did not depend on the failure was built and kept. (None after unpickling, where the
            data of the run do not pickle.)
        failures: one error for each builder that failed in this call, in plan order; the first is the one raised.
    """

    run: RunSoFar

    def __init__(self, *, builder: str, run_id: str, place: str) -> None:
        self.builder = builder
        self.run_id = run_id
        self.place = place
        self.failures: Tuple[BuilderError, ...] = (self,)

    def _what(self) -> str:
        return f"builder {self.builder} {_raised(self)}"

    def __str__(self) -> str:
        others = [error.builder for error in self.failures if error.builder != self.builder]
        also = f"\nalso failed: {', '.join(others)}" if others else ""
        return (
            f"{self._what()}\n  in run {self.run_id!r}, at {self.place}\n"
            f"  its inputs are kept: the next call of run({self.run_id!r}) tries it again{also}"
        )

    def with_run(self, run: RunSoFar, failures: Sequence[BuilderError], /) -> Self:
        """Add what is known when the call ends: the run so far, and all failures in plan order."""
        self.run = run
        self.failures = tuple(failures)
        return self


class WrongProduct(BuilderError):
    """A builder returned something other than what it declared.

    Attributes:
        declared: the names of what it may return.
        returned: the name of the type that it returned; never the value.
    """

    def __init__(self, *, builder: str, run_id: str, place: str, declared: Sequence[str], returned: str) -> None:
        super().__init__(builder=builder, run_id=run_id, place=place)
        self.declared: Tuple[str, ...] = tuple(declared)
        self.returned = returned

    def _what(self) -> str:
        return (
            f"builder {self.builder} declares {' | '.join(self.declared)} but returned {self.returned}"
            " (data are matched by their exact class)"
        )


class HookFailed(RunError):
    """A strict hook raised; its exception is the `__cause__`. All that was running then was finished and committed.

    Attributes:
        hook: the name of the hook's class.
        event: the name of its method, such as `built`.
        builder: the name of the builder that it was told of, or None at the start and the end of a run.
        run_id: the run.
        run: the run so far (None after unpickling, where its data do not pickle).
    """

    run: RunSoFar

    def __init__(self, *, hook: str, event: str, builder: Optional[str], run_id: str) -> None:
        self.hook = hook
        self.event = event
        self.builder = builder
        self.run_id = run_id

    def __str__(self) -> str:
        of = "" if self.builder is None else f" of builder {self.builder}"
        return (
            f"hook {self.hook} {_raised(self)}\n  in {self.event}{of}, in run {self.run_id!r}\n"
            f"  it is strict: what was running has been committed; the next call of run({self.run_id!r}) goes on"
        )

    def with_run(self, run: RunSoFar, /) -> Self:
        """Add what is known when the call ends: the run so far."""
        self.run = run
        return self


class UnexpectedData(RunError):
    """What was fed cannot be taken, and nothing of that call was kept. Names types, never values.

    Attributes:
        workflow: the name of the workflow.
        problems: one sentence for each value that cannot be taken.
        inputs: the names of the data that may be fed.
    """

    def __init__(self, *, workflow: str, problems: Sequence[str], inputs: Sequence[str]) -> None:
        self.workflow = workflow
        self.problems: Tuple[str, ...] = tuple(problems)
        self.inputs: Tuple[str, ...] = tuple(inputs)

    def __str__(self) -> str:
        takes = " | ".join(self.inputs) or "no inputs"
        return f"{'; '.join(self.problems)}\n  workflow {self.workflow} takes {takes}; nothing of this call was kept"


class IncompleteRun(RunError):
    """The result of a run was asked for before its target was there.

    Attributes:
        run_id: the run.
        target: the name of the target.
        status: the status of the run.
        missing: the inputs that it waits for.
        silent: the builders that returned nothing, on the way to the target.
    """

    def __init__(
        self, *, run_id: str, target: str, status: str, missing: Sequence[type], silent: Sequence[str]
    ) -> None:
        self.run_id = run_id
        self.target = target
        self.status = status
        self.missing: Tuple[type, ...] = tuple(missing)
        self.silent: Tuple[str, ...] = tuple(silent)

    def __str__(self) -> str:
        waits = []
        if self.missing:
            waits.append(f"it waits for {', '.join(data.__name__ for data in self.missing)}: feed it to the same run")
        if self.silent:
            waits.append(f"{', '.join(self.silent)} returned nothing: feed newer data to what it takes")
        if not waits:
            waits.append("call run() with the same run id to go on")
        return f"run {self.run_id!r} is {self.status}: {self.target} is not there yet\n  " + "\n  ".join(waits)


# --- store -----------------------------------------------------------------------------------------------------------


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
        own: whether it was a builder of this very run that asked, which would wait for itself.
    """

    def __init__(self, run_id: str, *, holder: str, since: str, kept: bool = False, own: bool = False) -> None:
        self.run_id = run_id
        self.holder = holder
        self.since = since
        self.kept = kept
        self.own = own

    def __str__(self) -> str:
        kept = "\n  the data of this call was kept: the holder takes it up" if self.kept else ""
        own = "\n  it was one of its own builders that called run(), and would wait for itself: call feed()" * self.own
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
