"""Breaks the mypy plugin and the run time's front end on purpose, one thing at a time: equal verdicts must notice.

Slow: runs only where POLARIS_MUTANTS=1 is set. Each mutant lives in a copy of the project.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Sequence, Tuple

import pytest

ROOT = Path(__file__).parent.parent
SLOW = pytest.mark.skipif(os.environ.get("POLARIS_MUTANTS") != "1", reason="slow: set POLARIS_MUTANTS=1")

Mutant = Tuple[str, str, str, str]
"""What is broken, the module, the text to change, and what it is changed to."""

OF_THE_PLUGIN: Sequence[Mutant] = (
    (
        "an access is an optional",
        "mypy/_annotations.py",
        "if type_.alias.fullname == _ACCESS:",
        "if type_.alias.fullname == '':",
    ),
    ("base classes are forgotten", "mypy/_annotations.py", "for base in info.mro[1:-1]", "for base in info.mro[:0]"),
    ("a protocol is data", "mypy/_annotations.py", "if info.is_protocol:", "if info.is_newtype:"),
    (
        "a default makes no optional",
        "mypy/_signatures.py",
        '("optionals" if kind in (ARG_OPT, ARG_NAMED_OPT) else "consumes")',
        '"consumes"',
    ),
    (
        "a bound method is called like its function",
        "mypy/_descriptors.py",
        "if facts.given or info is None else",
        "if facts.given or info is not None else",
    ),
    (
        "a coroutine is not unwrapped",
        "mypy/_decorators.py",
        "if awaited and isinstance(",
        "if not awaited and isinstance(",
    ),
    (
        "diagnostics stand on the call",
        "mypy/_workflows.py",
        "at: Context = arguments.given.get(str(found.item), call) if entry is None else entry.at",
        "at: Context = call",
    ),
    (
        "the second half of a sum is not read",
        "mypy/_items.py",
        "yield from self.of(expression.right)",
        "yield from self.of(expression.left)",
    ),
    ("a decorator carries no time", "mypy/_decorators.py", "LiteralType(limit,", 'LiteralType("",'),
    ("a product of numbers is no time", "mypy/_limits.py", 'constant_fold_expr(expression, "")', "None"),
    (
        "a decorator carries nothing of being called once",
        "mypy/_decorators.py",
        "LiteralType(once,",
        "LiteralType(False,",
    ),
    (
        "whatever is called at most once is called again",
        "mypy/_items.py",
        "at_most_once=bool(once)",
        "at_most_once=False",
    ),
    ("nothing is transient", "mypy/_workflows.py", "transient=transient,", "transient=(),"),
)

OF_THE_RUN_TIME: Sequence[Mutant] = (
    ("nothing is transient at run time", "_front.py", "transient=keys.all_of(brief),", "transient=(),"),
    ("a builder has any time at run time", "_front.py", "timeout_s=item.timeout_s if", "timeout_s=None if"),
    ("a builder may be called twice at run time", "_front.py", " and item.at_most_once,", " and False,"),
    (
        "a default makes no optional at run time",
        "_infer.py",
        "(Role.OPTIONAL if has_default else Role.CONSUMES)",
        "Role.CONSUMES",
    ),
    (
        "base classes are forgotten at run time",
        "_front.py",
        "for base in data.__mro__[1:] if",
        "for base in data.__mro__[:0] if",
    ),
    (
        "an access is an optional at run time",
        "_data.py",
        'if any(isinstance(extra, AccessMarker) for extra in getattr(part, "__metadata__", ())):',
        "if part is AccessMarker:",
    ),
    ("a Protocol is data at run time", "_data.py", "if is_protocol(data):", "if data is object:"),
    (
        "None is no alternative at run time",
        "_infer.py",
        "    if parts == (None,):",
        "    if parts == ():",
    ),
)

MUTANTS = (*OF_THE_PLUGIN, *OF_THE_RUN_TIME)


def verdicts(project: Path) -> subprocess.CompletedProcess[str]:
    """Run the comparison in a copy; a failure is wanted, not its smallest example."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "tests/test_equal_verdicts.py"]
    settings = {"PYTHONPATH": str(project), "PYTHONDONTWRITEBYTECODE": "1", "POLARIS_HYPOTHESIS": "hunt"}
    return subprocess.run(
        command, cwd=project, env={**os.environ, **settings}, capture_output=True, text=True, check=False, timeout=600
    )


@pytest.fixture(name="project")
def copy_of_the_project(tmp_path: Path) -> Path:
    for folder in ("polaris_dsl", "tests", "typecheck"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant[0] for mutant in MUTANTS])
def test_every_mutant_changes_text_that_is_there(mutant: Mutant) -> None:
    _, module, old, new = mutant
    assert (ROOT / "polaris_dsl" / module).read_text(encoding="utf-8").count(old) == 1
    assert old != new


@SLOW
def test_without_a_mutation_the_verdicts_are_equal(project: Path) -> None:
    done = verdicts(project)
    assert done.returncode == 0, done.stdout


@SLOW
@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant[0] for mutant in MUTANTS])
def test_verdicts_differ_when_a_front_end_is_broken_on_purpose(project: Path, mutant: Mutant) -> None:
    _, module, old, new = mutant
    path = project / "polaris_dsl" / module
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    done = verdicts(project)
    assert done.returncode == 1, done.stdout
    assert "told, not said" in done.stdout or "said, not told" in done.stdout, done.stdout
