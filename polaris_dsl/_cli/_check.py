"""`polaris check`: finds workflows, and tells the problems of all of them."""

from __future__ import annotations

import argparse
import atexit
import os
from pathlib import Path
from typing import Callable, Dict

from polaris_dsl._cli._find import wish_of
from polaris_dsl._cli._formats import print_text, to_github, to_json
from polaris_dsl._cli._load import load
from polaris_dsl._cli._sarif import to_sarif

_FORMATS: Dict[str, Callable[..., str]] = {"json": to_json, "github": to_github, "sarif": to_sarif}

_DESCRIPTION = """\
Import modules, and judge every workflow that is made by it. A workflow that is made inside a function is only reached
if the function is named: shop.flows:card_payment is called, with bare instances of the classes that it asks for.
"""
_EXIT_CODES = "Exit code: 0, no problems; 1, problems were found; 2, not everything (or nothing) could be checked."


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    told = "judge the workflows of modules, packages, files or folders"
    parser = commands.add_parser("check", help=told, description=_DESCRIPTION, epilog=_EXIT_CODES)
    parser.add_argument(
        "what",
        nargs="*",
        metavar="PATH_OR_MODULE",
        help="a file, a folder, a module or package, or module:name; without any, what pyproject.toml lists: "
        '[tool.polaris] workflows = ["shop.flows"]',
    )
    parser.add_argument("--format", choices=["text", *_FORMATS], default="text", help="default: %(default)s")
    parser.set_defaults(command=_check)


def _check(arguments: argparse.Namespace) -> int:
    folder = Path.cwd()
    report = load(wish_of(arguments.what))
    if arguments.format == "text":
        print_text(report)
    else:
        # GitHub knows files by their place in the repository, wherever in it this runs.
        root = Path(os.environ.get("GITHUB_WORKSPACE") or folder)
        print(_FORMATS[arguments.format](report, root=root))
        # The last to be registered is the first to run: what user code prints at its end does not follow the report.
        atexit.register(os.dup2, 2, 1)
    return report.exit_code
