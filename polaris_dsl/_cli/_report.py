"""What a check of workflows found out."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator, List, Tuple

import attrs

from polaris_dsl._graph import Place
from polaris_dsl.diagnostics import Diagnostic, details

_NO_MAKER = "move it to the top of the module, or into a function of its own"


@attrs.frozen
class Verdict:
    """A workflow that was judged: its name, where it is made, and its problems."""

    workflow: str
    place: Place
    found: Tuple[Diagnostic, ...]


@attrs.frozen
class Failure:
    """What could not be checked, why, and where: the frames of the user's own code, outermost first."""

    what: str
    why: str
    frames: Tuple[Place, ...] = ()

    @property
    def place(self) -> Place:
        """The innermost frame."""
        return self.frames[-1] if self.frames else Place("")

    def __str__(self) -> str:
        return f"{self.what} could not be checked: {self.why}"


@attrs.frozen
class Unreached:
    """A call of `workflow()` that importing its module does not come to; `maker` is the function to name, if any."""

    place: Place
    maker: str

    def __str__(self) -> str:
        cure = f"check it with: polaris check {self.maker}" if self.maker else _NO_MAKER
        return f"this workflow() is not reached by importing the module, so it was not checked; {cure}"


@attrs.frozen
class Report:
    """All that a check found out; the same thing found twice stands here once."""

    verdicts: Tuple[Verdict, ...]
    failures: Tuple[Failure, ...]
    unreached: Tuple[Unreached, ...]

    def findings(self) -> Iterator[Tuple[Verdict, Diagnostic]]:
        """Yield every problem with its workflow, by file and line, then causes before consequences."""
        told: List[Tuple[Verdict, Diagnostic]] = [
            (verdict, found) for verdict in self.verdicts for found in verdict.found
        ]
        yield from sorted(told, key=lambda pair: (pair[1].file, pair[1].line))

    @property
    def exit_code(self) -> int:
        """0: nothing was found; 1: something was; 2: not everything could be checked."""
        return 2 if self.failures else int(any(verdict.found for verdict in self.verdicts))

    @property
    def summary(self) -> str:
        """The report in one line."""
        problems = [len(verdict.found) for verdict in self.verdicts if verdict.found]
        told = f"{_count(len(self.verdicts), 'workflow')} checked"
        if self.verdicts:
            told += f", {_count(sum(problems), 'problem')} in {len(problems)}" if problems else ", no problems"
        return f"{told}; not everything could be checked" if self.failures else told


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def body_of(found: Diagnostic, /) -> str:
    """Return a problem as it is told, without its place and code: the sentence, and below it the rest."""
    return "\n".join([found.message, *details(found)])


def relative(file: str, /, *, to: Path) -> str:
    """Return a file as seen from a folder, with `/` between its parts; one that is not below it as it is."""
    try:
        return Path(file).relative_to(to).as_posix()
    except ValueError:
        return Path(file).as_posix()
