"""Reads what the programs of `typecheck/` say that is told of them, and asks mypy and the run time.

A program says it in comments beside the line, or right below it:

    pay,  # E: polaris-missing-data: pay consumes Token, but it is no input and no listed builder produces it
    # N: path: Token -> pay -> Paid
    # N: help: list a builder that produces it, or feed it:
    #    inputs=Order | Token

Ours are given in full: an `E`, with an `N` for each of its notes. What mypy tells by itself is given by its codes alone
(`# E: arg-type, call-arg`), its notes are not. An `R` is told at run time only: mypy ignores it, or cannot know.
A comment that is set in goes on with the one above. Left out are the notes that every diagnostic has: where a builder
is defined, and the page of the code.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import types
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, Mapping, Set, Tuple

import attrs

from polaris_dsl import WorkflowError
from polaris_dsl.diagnostics import Diagnostic, details

ROOT = Path(__file__).parent.parent
TYPECHECK = ROOT / "typecheck"
CASES = tuple(sorted(path for path in TYPECHECK.rglob("*.py") if not path.name.startswith("plain_")))
"""All programs that are checked with the plugin."""

OURS = "polaris-"
UNCHECKED = "polaris-unchecked"


@attrs.frozen(order=True)
class Told:
    """What is told of a line; of what is not ours only the code."""

    line: int
    code: str
    message: str = ""
    notes: Tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n        ".join([f"{self.line}: {self.code}: {self.message}", *self.notes])


# --- what a program says ---------------------------------------------------------------------------------------------

COMMENT = re.compile(r"(?:^|\s)# (?:(?P<kind>[ENR]): |   +)(?P<text>\S.*)$")
"""A comment that tells, or one that is set in."""


def wanted(case: Path, /) -> Tuple[Told, ...]:
    """Return what mypy must tell of a program, by line."""
    return tuple(sorted(told for kind, told in _said(case) if kind == "E"))


def wanted_at_run_time(case: Path, /) -> Tuple[Told, ...]:
    """Return what the run time must tell of a program, by line of mypy; its own is that of the call."""
    return tuple(sorted(told for _, told in _said(case) if told.message and told.code != UNCHECKED))


def _said(case: Path) -> List[Tuple[str, Told]]:
    found: List[Tuple[str, Told]] = []
    for line, kind, text in _comments(case.read_text(encoding="utf-8").splitlines()):
        if kind == "N":
            last, told = found[-1]
            found[-1] = (last, attrs.evolve(told, notes=(*told.notes, text)))
        elif text.startswith(OURS):
            code, _, message = text.partition(": ")
            found.append((kind, Told(line, code, message)))
        else:
            found += [(kind, Told(line, code)) for code in text.split(", ")]
    return found


def _comments(lines: Iterable[str]) -> Iterator[Tuple[int, str, str]]:
    """Yield the line that a comment is about, its kind, and its whole text."""
    about, open_ = 0, None
    for number, line in enumerate(lines, start=1):
        match = COMMENT.search(line)
        alone = line.lstrip().startswith("#")
        about = about if alone else number
        if match is None or match["kind"]:
            if open_ is not None:
                yield open_
            open_ = (about, match["kind"], match["text"]) if match else None
        elif open_ is not None and alone:
            open_ = (*open_[:2], f"{open_[2]} {match['text']}")
    if open_ is not None:
        yield open_


def lines_of(told: Iterable[Told], /) -> Set[Told]:
    """Return what is told and each of its notes by itself: mypy prints nothing twice on one line."""
    apart = [(attrs.evolve(one, notes=()), *(Told(one.line, "note", note) for note in one.notes)) for one in told]
    return {one for lines in apart for one in lines}


def difference(told: Iterable[Told], said: Iterable[Told], /) -> str:
    """Return, line by line, what is told but not said and what is said but not told; nothing if that is nothing."""
    more, less = set(told), set(said)
    lines = [(one, "told, not said:") for one in more - less] + [(one, "said, not told:") for one in less - more]
    return "\n".join(f"{title} {one}" for one, title in sorted(lines))


# --- what mypy tells -------------------------------------------------------------------------------------------------

PLACE = re.compile(r" is defined at .*\.py:\d+$")
PRINTED = re.compile(
    r"^(?P<file>[^:\n]+):(?P<line>\d+): (?P<kind>error|note): (?P<text>.*?)(?:  \[(?P<code>[\w-]+)\])?$"
)


CONFIG = TYPECHECK / "mypy.ini"


def mypy(
    files: Iterable[Path], /, *options: str, folder: Path, cache: Path, config: str = str(CONFIG)
) -> Mapping[Path, Tuple[Told, ...]]:
    """Run mypy in a folder, on this checkout and its plugin; return what it tells of each file, in its order."""
    arguments = [
        f"--config-file={config}",
        f"--cache-dir={cache}",
        "--no-error-summary",
        "--hide-error-context",
        *options,
    ]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *arguments, *map(str, files)],
        cwd=str(folder),
        env={**os.environ, "PYTHONPATH": str(ROOT), "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found: Dict[Path, List[Told]] = {}
    for line in done.stdout.splitlines():
        match = PRINTED.match(line)
        assert match, line
        _take(found.setdefault(folder / match["file"], []), match)
    return {path: tuple(map(_without_page, told)) for path, told in found.items()}


def _take(told: List[Told], match: re.Match[str]) -> None:
    line, code, text = int(match["line"]), match["code"] or "", match["text"]
    assert "internal error" not in text, match[0]
    if match["kind"] == "error":
        told.append(Told(line, code, text if code.startswith(OURS) else ""))
    elif told and told[-1].message and told[-1].line == line:
        told[-1] = attrs.evolve(told[-1], notes=(*told[-1].notes, text))


def _without_page(told: Told) -> Told:
    """Leave out where builders are defined and the page, where that is the right one."""
    page = f"see: polaris explain {told.code[len(OURS) :]}"
    return attrs.evolve(told, notes=tuple(note for note in told.notes if note != page and not PLACE.search(note)))


# --- what the run time tells -----------------------------------------------------------------------------------------


def run_time(case: Path, /) -> Tuple[Told, ...]:
    """Run a program as it is, but go on after a workflow that is refused; return all that was told, by line."""
    name = ".".join(case.relative_to(ROOT).with_suffix("").parts)
    module = types.ModuleType(name)
    module.__file__ = str(case)
    found: List[Told] = []
    tree = ast.parse(case.read_text(encoding="utf-8"))
    future = [part for part in tree.body if isinstance(part, ast.ImportFrom) and part.module == "__future__"]
    for part in tree.body:
        code = compile(ast.Module([*future, part], []), str(case), "exec", dont_inherit=True)
        try:
            exec(code, vars(module))  # noqa: S102 -- the programs are ours
        except WorkflowError as error:
            found += map(told_by, error.diagnostics)
    return tuple(sorted(found))


def told_by(diagnostic: Diagnostic, /) -> Told:
    """Return a diagnostic in the form in which mypy tells it."""
    told = Told(diagnostic.line, OURS + diagnostic.code, diagnostic.message, details(diagnostic))
    return _without_page(told)
