"""The only module that looks at the Python version."""

from __future__ import annotations

import sys
from typing import Tuple, Union

__all__ = ["UNIONS"]

UNIONS: Tuple[object, ...]
"""What `get_origin` returns for a union, however it was written."""

if sys.version_info >= (3, 10):
    from types import UnionType

    UNIONS = (Union, UnionType)
else:
    UNIONS = (Union,)
