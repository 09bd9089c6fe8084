"""Colours on a terminal, where rich is installed; plain text otherwise."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Optional

from typing_extensions import Protocol


class Screen(Protocol):
    """What we use of rich's console."""

    def print(self, *objects: object, soft_wrap: Optional[bool] = None) -> None:
        """Print what rich can render."""


def screen() -> Optional[Screen]:
    """Return rich's console, or None: in a pipe, without rich, and where the user wants no colours (`NO_COLOR`)."""
    if sys.stdout.isatty() and not os.environ.get("NO_COLOR"):
        with contextlib.suppress(ImportError):
            from rich.console import Console  # noqa: PLC0415  an extra, imported on use

            return Console(highlight=False)
    return None
