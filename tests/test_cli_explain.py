"""`polaris explain`: the page of a code, the list of all, and what it says to a code that there is not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from polaris_dsl._cli import main
from polaris_dsl.diagnostics import CATALOGUE
from tests.test_cli_check import on_a_terminal

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "codes" / "missing-data.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("code", ["missing-data", "polaris-missing-data", "Missing-Data"])
def test_a_code_is_explained_by_its_page_also_as_mypy_calls_it(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", code]) == 0
    assert capsys.readouterr() == (PAGE, "")


@pytest.mark.parametrize("code", CATALOGUE)
def test_every_code_has_its_page(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", code]) == 0
    assert capsys.readouterr().out.startswith(f"# {code}\n")


def test_without_a_code_all_are_listed_with_their_half_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [tuple(line.split(None, 1)) for line in lines] == list(CATALOGUE.items())


@pytest.mark.parametrize(
    ("code", "near"), [("mising-data", "missing-data"), ("deadend", "dead-end"), ("../semantics", None), ("", None)]
)
def test_an_unknown_code_is_refused_with_the_nearest(code: str, near: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", code]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"polaris: there is no code {code}: was {near or ''}")
    assert err.endswith(" meant? All: polaris explain\n")


def test_on_a_terminal_the_page_is_rendered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    shown = on_a_terminal(monkeypatch, lambda: main(["explain", "missing-data"]))
    assert "\x1b[" in shown
    assert "```" not in shown
    assert "The smallest program that gets it" in shown


def test_an_installed_package_explains_from_the_pages_that_it_ships_and_without_them_says_what_it_knows(
    tmp_path: Path,
) -> None:
    package = tmp_path / "polaris_dsl"
    shutil.copytree(str(ROOT / "polaris_dsl"), str(package), ignore=shutil.ignore_patterns("__pycache__", "codes"))

    def explained() -> str:
        command = [sys.executable, "-m", "polaris_dsl", "explain", "dead-end"]
        return subprocess.run(command, cwd=str(tmp_path), capture_output=True, text=True, check=True).stdout

    assert explained() == f"# dead-end\n\n{CATALOGUE['dead-end']}\n"
    (package / "_cli" / "codes").mkdir()
    (package / "_cli" / "codes" / "dead-end.md").write_text("# dead-end\n\nas shipped\n", encoding="utf-8")
    assert explained() == "# dead-end\n\nas shipped\n"


def test_a_reader_that_has_seen_enough_ends_the_command_without_a_word() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        command = [sys.executable, "-m", "polaris_dsl", "explain"]
        done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (2, "")
