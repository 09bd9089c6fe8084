"""Reads the command line and calls the command that it names."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Callable, Optional, Sequence, Tuple

from polaris_dsl._cli import _check, _explain, _runs
from polaris_dsl.errors import PolarisError

Add = Callable[["argparse._SubParsersAction[argparse.ArgumentParser]"], None]  # noqa: SLF001  it has no public name

COMMANDS: Tuple[Add, ...] = (_check.add_to, _explain.add_to, _runs.add_to)
"""Each adds one command, whose parser sets `command`: what takes the arguments and returns the exit code."""

CANNOT = 2
"""The exit code when the command could not do what it was asked."""


def main(arguments: Optional[Sequence[str]] = None, /) -> int:
    """Run the command line and return its exit code: 0, 1 (something was found) or 2 (it could not be done)."""
    parser = argparse.ArgumentParser(prog="polaris", description="Workflows of typed data, checked and looked after.")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for add in COMMANDS:
        add(commands)
    parsed = parser.parse_args(arguments)
    try:
        code: int = parsed.command(parsed)
        sys.stdout.flush()
    except PolarisError as error:
        print(f"polaris: {error}", file=sys.stderr)
        return CANNOT
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CANNOT
    return code
