"""The only module that looks at the Python version."""

from __future__ import annotations

import types
from typing import Tuple, Union

__all__ = ["UNIONS"]

UNIONS: Tuple[object, ...] = (Union, getattr(types, "UnionType", Union))
"""What `get_origin` returns for a union, however it was written; `A | B` has a type of its own from Python 3.10 on."""
