"""What every store refuses to be asked, in the same words."""

from __future__ import annotations

from typing import Optional, Sequence

from polaris_dsl.errors import BadRunId, DefinitionError, UnknownRun
from polaris_dsl.stores._lines import Line, Started

MAX_BYTES = 512


def check_run_id(run: str, /) -> None:
    """Refuse an id that not every store could keep.

    Raises:
        BadRunId: it is not text, is empty, holds NUL or a lone surrogate, or has more than 512 bytes in UTF-8.
    """
    why = _flaw(run)
    if why is not None:
        raise BadRunId(run, why=why)


def check_commit(run: str, /, *, workflow: str, expected_n: int, lines: Sequence[Line]) -> None:
    """Refuse lines that would make a journal which cannot be read: it begins with `Started`, and only once.

    Raises:
        BadRunId: no store takes this id.
        ValueError: there is no line, or `Started` is missing, misplaced, or of another run.
    """
    check_run_id(run)
    begins = [at for at, line in enumerate(lines) if isinstance(line, Started)]
    if not lines or begins != ([0] if expected_n == 0 else []):
        raise ValueError("a commit has at least one line; Started is the first line of a run, and of nothing else")
    first = lines[0]
    if isinstance(first, Started) and (first.run, first.flow) != (run, workflow):
        raise ValueError(f"a journal of run {run!r} of {workflow} begins with {first.run!r} of {first.flow}")


def the_workflow(names: Sequence[str], /, *, run: str) -> str:
    """Return the only workflow that has a run of this id.

    Raises:
        UnknownRun: none has.
        DefinitionError: several have.
    """
    if len(names) > 1:
        raise DefinitionError(f"{', '.join(names)} all have a run {run!r}; say which is meant with workflow=")
    if not names:
        raise UnknownRun(run, workflow="(any)")
    return names[0]


def _flaw(run: object) -> Optional[str]:
    if not isinstance(run, str):
        return "must be text"
    if not run:
        return "must not be empty"
    if "\0" in run:
        return "must not hold NUL"
    try:
        size = len(run.encode())
    except UnicodeEncodeError:
        return "must not hold a lone surrogate"
    return None if size <= MAX_BYTES else f"must have at most {MAX_BYTES} bytes in UTF-8, not {size}"
