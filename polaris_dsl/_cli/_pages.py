"""Finds the page of a code: in the installed package, or in the checkout beside it."""

from __future__ import annotations

from pathlib import Path

from polaris_dsl.diagnostics import CATALOGUE, Code

_PACKAGE = Path(__file__).parent.parent
_FOLDERS = (_PACKAGE / "_cli" / "codes", _PACKAGE.parent / "docs" / "codes")


def page_of(code: Code, /) -> str:
    """Return the page of a code in Markdown; only its half sentence if pages were not shipped."""
    files = (folder / f"{code}.md" for folder in _FOLDERS)
    pages = (file.read_text(encoding="utf-8") for file in files if file.is_file())
    return next(pages, f"# {code}\n\n{CATALOGUE[code]}\n")
