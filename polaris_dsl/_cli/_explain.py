"""`polaris explain`: prints the page of a code, or lists all codes."""

from __future__ import annotations

import argparse
import sys
from difflib import get_close_matches

from polaris_dsl._cli._pages import page_of
from polaris_dsl._cli._terminal import screen
from polaris_dsl.diagnostics import CATALOGUE

_PREFIX = "polaris-"  # as mypy shows them


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    told = "print what a code means, the smallest program that gets it, and the cure"
    parser = commands.add_parser("explain", help=told, description=told.capitalize() + ".")
    parser.add_argument("code", nargs="?", metavar="CODE", help="such as missing-data; without it, all are listed")
    parser.set_defaults(command=_explain)


def _explain(arguments: argparse.Namespace) -> int:
    if arguments.code is None:
        width = max(map(len, CATALOGUE))
        print("\n".join(f"{code:{width}}  {told}" for code, told in CATALOGUE.items()))
        return 0
    code = str(arguments.code).strip().lower()
    known = next((one for one in CATALOGUE if code in (one, f"{_PREFIX}{one}")), None)
    if known is None:
        near = get_close_matches(code, CATALOGUE, n=1, cutoff=0)[0]
        print(f"polaris: there is no code {arguments.code}: was {near} meant? All: polaris explain", file=sys.stderr)
        return 2
    _show(page_of(known))
    return 0


def _show(page: str) -> None:
    console = screen()
    if console is None:
        print(page.rstrip())
        return
    from rich.markdown import Markdown  # noqa: PLC0415  there, for there is a console

    console.print(Markdown(page))
