"""The command line: `polaris check`, `polaris explain` and `polaris runs`."""

from polaris_dsl._cli._main import main

__all__ = ["main"]
