"""Runs mypy with the plugin over programs that a test writes, within this process or in others."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Dict, List, Mapping, Sequence, Tuple

import attrs

ROOT = Path(__file__).parent.parent

DATA = """
from typing import NamedTuple

class Order(NamedTuple):
    id: str
class Otp(NamedTuple):
    digits: str
class Token(NamedTuple):
    text: str
class Paid(NamedTuple):
    cents: int
class Declined(NamedTuple):
    why: str
"""
"""What most programs of the tests speak of."""

CONFIG = """
[mypy]
plugins = {plugin}
strict = true
enable_error_code = {enabled}
disable_error_code = empty-body
"""

FOUND = re.compile(r"^(?P<file>[^:\n]+):(?P<line>\d+): (?P<kind>error|note): (?P<text>.*?)(?:  \[(?P<code>[\w-]+)\])?$")


@attrs.frozen
class Found:
    """One line of mypy: of an error its code, of a note that it is one."""

    file: str
    line: int
    code: str
    text: str


def write(folder: Path, programs: Mapping[str, str], /) -> None:
    """Write programs into a folder: of each, its file without `.py` and its text."""
    for name, text in programs.items():
        path = folder / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")


def configure(
    folder: Path, *, plugin: str = "polaris_dsl.mypy", enabled: str = "polaris-unchecked", file: str = "mypy.ini"
) -> None:
    """Write a configuration of mypy."""
    (folder / file).write_text(CONFIG.format(plugin=plugin, enabled=enabled), encoding="utf-8")


def found_in(printed: str, /) -> Tuple[Found, ...]:
    """Read what mypy has printed."""
    lines: List[Found] = []
    for line in printed.splitlines():
        match = FOUND.match(line)
        if match:
            code = match["code"] or "" if match["kind"] == "error" else "note"
            lines.append(Found(match["file"], int(match["line"]), code, match["text"]))
    return tuple(lines)


def in_process(folder: Path, *arguments: str, cache: Path) -> Tuple[Found, ...]:
    """Run mypy in this process, which must stand in the folder, over all of it."""
    from mypy import api  # noqa: PLC0415  older Pythons have no mypy

    printed, failed, _ = api.run([*_options(cache), *arguments, *_programs(folder)])
    assert not failed, failed
    return found_in(printed)


def in_a_process_of_its_own(
    folder: Path, *arguments: str, cache: Path, python: str = sys.executable, module: str = "mypy"
) -> Tuple[Found, ...]:
    """Run mypy as users do."""
    return found_in(printed_by(folder, *arguments, cache=cache, python=python, module=module))


def printed_by(folder: Path, *arguments: str, cache: Path, python: str, module: str = "mypy") -> str:
    """Return all that mypy prints; it must not crash."""
    command = [python, "-m", module, *(arguments or (*_options(cache), *_programs(folder)))]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MYPYPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=str(folder), env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout + done.stderr


def _options(cache: Path) -> Sequence[str]:
    return ["--config-file=mypy.ini", f"--cache-dir={cache}", "--no-error-summary", "--hide-error-context"]


def _programs(folder: Path) -> Sequence[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.py"))


def errors_of(found: Sequence[Found], /) -> Dict[str, List[Tuple[int, str]]]:
    """Return the errors of each file: line and code."""
    told: Dict[str, List[Tuple[int, str]]] = {}
    for one in found:
        if one.code != "note":
            told.setdefault(one.file, []).append((one.line, one.code))
    return told


def sentences(found: Sequence[Found], /) -> List[str]:
    """Return the errors, without their places: code and sentence."""
    return [f"{one.code}: {one.text}" for one in found if one.code != "note"]
