"""Runs mypy and pyright over `typecheck/`, real files that say on each line which error it must get: `# E: code`."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import List, Tuple

import pytest

ROOT = Path(__file__).parent.parent
CASES = sorted((ROOT / "typecheck").glob("plain_*.py"))
CLEAN = [case for case in CASES if "# E: " not in case.read_text(encoding="utf-8")]

Finding = Tuple[int, str]


def expected(case: Path) -> List[Finding]:
    lines = case.read_text(encoding="utf-8").splitlines()
    return [
        (number, code)
        for number, line in enumerate(lines, start=1)
        for code in re.split(r",\s*", "".join(re.findall(r"# E: (.*)$", line)))
        if code
    ]


def run(*command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=str(ROOT), capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout


@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy needs a newer Python")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_mypy_finds_in_a_case_exactly_what_it_says(case: Path, tmp_path: Path) -> None:
    printed = run("mypy", "--strict", "--config-file=", f"--cache-dir={tmp_path}", "--no-error-summary", str(case))
    found = re.findall(rf"^[^:\n]*{case.name}:(\d+): error: .*\[([\w-]+)\]$", printed, re.MULTILINE)
    assert [(int(line), code) for line, code in found] == expected(case), printed


@pytest.mark.skipif(importlib.util.find_spec("pyright") is None, reason="pyright is not installed")
@pytest.mark.parametrize("case", CLEAN, ids=lambda case: case.stem)
def test_pyright_finds_nothing_in_a_clean_case(case: Path) -> None:
    printed = run("pyright", "--pythonpath", sys.executable, str(case))
    assert "0 errors, 0 warnings" in printed, printed


def test_there_are_clean_cases_and_others() -> None:
    assert CLEAN
    assert len(CLEAN) < len(CASES)
