"""Runs every type checker over the plain typing and over the clean programs of `typecheck/`, without the plugin.

They must report on the same lines; their codes are their own. A line on which only some of them report names them, and
says why: `# E[ty, zuban]: why`. A checker that is not installed is skipped.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Mapping, Sequence, Set, Tuple

import pytest

from tests.typecheck_runner import CASES, TYPECHECK, wanted

PLAIN = tuple(sorted(TYPECHECK.glob("plain_*.py")))
CLEAN = tuple(case for case in CASES if not wanted(case))

COMMANDS: Mapping[str, Sequence[str]] = {
    "mypy": ["--strict", "--config-file=", "--explicit-package-bases", "--python-executable", sys.executable],
    "pyright": ["--pythonpath", sys.executable],
    "ty": ["check", "--python", sys.prefix, "--output-format", "concise"],
    "pyrefly": ["check", "--preset=default", "--python-interpreter-path", sys.executable, "--output-format=min-text"],
    "zuban": ["check", "--python-executable", sys.executable],
}
"""How each is asked for all that it finds, a line for each."""

PRINTED = re.compile(r"^(?:ERROR |\s+/)?(\S+\.py):(\d+):.*(?:\berror\b|\[[\w-]+\]$)", re.MULTILINE)
LIMIT = re.compile(r"# E\[([\w, ]+)\]: \w+")

Place = Tuple[str, int]
"""A file of `typecheck/` and a line of it."""


def program_of(checker: str) -> str:
    """Return where a checker is: in this environment, or on the PATH."""
    folders = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    found = shutil.which(checker, path=os.pathsep.join(folders))
    if found is None:
        pytest.skip(f"{checker} is not installed")
    return found


def expected(checker: str, cases: Sequence[Path]) -> Set[Place]:
    """Return the lines on which a checker must report."""
    found: Set[Place] = set()
    for case in cases:
        for number, line in enumerate(case.read_text(encoding="utf-8").splitlines(), start=1):
            limit = LIMIT.search(line)
            if "# E: " in line or (limit and checker in limit[1].split(", ")):
                found.add((case.name, number))
    return found


@pytest.mark.skipif(sys.version_info < (3, 10), reason="the programs write unions as A | B")
@pytest.mark.parametrize("checker", COMMANDS)
def test_a_checker_reports_on_the_lines_that_say_so_and_on_no_other(checker: str, tmp_path: Path) -> None:
    program = program_of(checker)
    shutil.copytree(TYPECHECK, tmp_path / "typecheck", ignore=shutil.ignore_patterns("__pycache__", "*.ini"))
    cases = [*PLAIN, *CLEAN]
    paths = [str(Path("typecheck", case.relative_to(TYPECHECK))) for case in cases]
    done = subprocess.run(
        [program, *COMMANDS[checker], *paths],
        cwd=str(tmp_path),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found = {(Path(file).name, int(line)) for file, line in PRINTED.findall(done.stdout)}
    assert found == expected(checker, cases), done.stdout + done.stderr
