"""Proves that the page of each code is true: three front ends say it of its program, and nothing of the mended one."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, Mapping

import pytest

from polaris_dsl.diagnostics import CATALOGUE
from tests.test_docs import Block, blocks_of

FOLDER = Path(__file__).parent.parent / "docs" / "codes"
TOLD: Mapping[str, str] = {str(code): told for code, told in CATALOGUE.items()}
HEADINGS = ["The smallest program that gets it", "How to mend it", "When it is right"]
DEFINITIONS = (ast.FunctionDef, ast.ClassDef)

of_each_code = pytest.mark.parametrize("code", TOLD)


def text_of(page: str) -> str:
    return (FOLDER / f"{page}.md").read_text(encoding="utf-8")


def blocks(code: str) -> List[Block]:
    return blocks_of(text_of(code))


def file_of(kind: str, code: str) -> str:
    return f"{kind}_{code.replace('-', '_')}.py"


def mended(code: str) -> str:
    """Return the program as its mended part leaves it: what that defines anew is taken out, and so is the old call."""
    broken, _, cure = blocks(code)
    names = {part.name for part in ast.parse(cure.code).body if isinstance(part, DEFINITIONS)}
    lines = broken.code.splitlines(keepends=True)
    for part in reversed(ast.parse(broken.code).body):
        if isinstance(part, ast.Expr) or (isinstance(part, DEFINITIONS) and part.name in names):
            marks = part.decorator_list if isinstance(part, DEFINITIONS) else []
            del lines[min([part.lineno, *(mark.lineno for mark in marks)]) - 1 : part.end_lineno]
    return "".join(lines) + cure.code


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with both programs of every page."""
    folder = tmp_path_factory.mktemp("pages")
    for code in TOLD:
        (folder / file_of("broken", code)).write_text(blocks(code)[0].code, encoding="utf-8")
        (folder / file_of("mended", code)).write_text(mended(code), encoding="utf-8")
    return folder


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=str(folder), capture_output=True, text=True, timeout=300, check=False
    )


# --- the pages, the index and the catalogue are about the same codes --------------------------------------------------


def test_there_is_a_page_for_every_code_and_no_other() -> None:
    assert {page.name for page in FOLDER.iterdir()} == {"README.md", *(f"{code}.md" for code in TOLD)}


def test_the_index_lists_every_code_in_order_with_its_half_sentence() -> None:
    rows = re.findall(r"^\| \[(.*)\]\((.*)\) \| (.*) \|$", text_of("README"), re.MULTILINE)
    assert rows == [(code, f"{code}.md", told) for code, told in TOLD.items()]


@of_each_code
def test_a_page_begins_with_its_code_and_what_the_catalogue_says_of_it(code: str) -> None:
    assert text_of(code).startswith(f"# {code}\n\n{TOLD[code][0].upper()}{TOLD[code][1:]}.\n\n")


@of_each_code
def test_a_page_has_a_program_what_it_gets_a_mended_program_and_says_when_it_is_right(code: str) -> None:
    assert re.findall(r"^## (.*)$", text_of(code), re.MULTILINE) == HEADINGS
    assert [block.language for block in blocks(code)] == ["python", "text", "python"]


# --- what they say is true; at runtime it is test_docs that runs every block and compares what it prints -------------


def shown(code: str) -> str:
    """Return the diagnostic that a page shows, as it is told of the program's file in the folder."""
    return blocks(code)[1].code.partition("\n\n")[2].replace("shop.py:", f"{file_of('broken', code)}:")


@of_each_code
def test_where_the_workflow_is_made_the_program_gets_its_code_and_no_other(code: str) -> None:
    assert blocks(code)[1].code.splitlines()[0].endswith(" has 1 problem")
    assert shown(code).splitlines()[0].split(": ", 2)[1] == code


def test_polaris_check_says_the_same_of_every_program_and_nothing_of_the_mended_ones(programs: Path) -> None:
    done = run(programs, "polaris_dsl", "check", ".")
    told = [shown(code) for code in sorted(TOLD)]
    summary = f"{2 * len(TOLD)} workflows checked, {len(TOLD)} problems in {len(TOLD)}\n"
    assert done.stdout == "\n".join([*told, summary]), done.stderr
    assert done.returncode == 1


@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy needs a newer Python")
def test_mypy_says_the_same_of_every_program_and_nothing_of_the_mended_ones(programs: Path) -> None:
    (programs / "mypy.ini").write_text("[mypy]\nplugins = polaris_dsl.mypy\nstrict = true\n", encoding="utf-8")
    files = sorted(path.name for path in programs.glob("*.py"))
    done = run(programs, "mypy", "--cache-dir=cache", "--no-error-summary", *files)
    found: Dict[str, List[str]] = {}
    for line in done.stdout.splitlines():
        found.setdefault(line.partition(":")[0], []).append(line)
    assert found == {file_of("broken", code): told_by_mypy(code) for code in TOLD}, done.stderr


def told_by_mypy(code: str) -> List[str]:
    """Return what a page shows as mypy says it: the sentence as an error, and what is below it as notes.

    What is wrong with a builder itself it says where the builder is written.
    """
    first, *rest = shown(code).splitlines()
    place, name, message = first.split(": ", 2)
    if code == "bad-builder":
        place = rest.pop(0).rpartition(" ")[2]
    return [f"{place}: error: {message}  [polaris-{name}]", *(f"{place}: note: {line.strip()}" for line in rest)]
