"""Keeps `benchmarks/README.md`: each benchmark rewrites its own section of it, between two markers."""

from __future__ import annotations

import sys
from pathlib import Path

PAGE = Path(__file__).with_name("README.md")


def report(section: str, /, text: str) -> None:
    """Print what a benchmark found and, where the command line says `--write`, put it into its section of the page.

    A section begins with `<!-- SECTION -->` and ends with `<!-- /SECTION -->`, each alone on a line.
    """
    print(text)
    if "--write" not in sys.argv:
        return
    begin, end = f"<!-- {section} -->", f"<!-- /{section} -->"
    page = PAGE.read_text(encoding="utf-8")
    before, found_begin, rest = page.partition(begin)
    _, found_end, after = rest.partition(end)
    if not (found_begin and found_end):
        raise SystemExit(f"{PAGE.name} has no section between {begin} and {end}")
    PAGE.write_text(f"{before}{begin}\n\n{text.strip()}\n\n{end}{after}", encoding="utf-8")
