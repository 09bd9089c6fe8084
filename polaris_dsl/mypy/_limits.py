"""Reads time limits, as far as they are written out: mypy has no literal types of floats, so only the text tells."""

from __future__ import annotations

import sys
from typing import Optional

from mypy.constant_fold import constant_fold_expr
from mypy.nodes import Expression, NameExpr

NONE = ""
UNKNOWN = "?"


def limit_of(expression: Expression, /) -> str:
    """Return how many seconds were given, as text: `NONE` for None, `UNKNOWN` for what is no plain number."""
    if isinstance(expression, NameExpr) and expression.name == "None":
        return NONE
    value = constant_fold_expr(expression, "")  # also of `5 * 60`, but of no names
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value <= sys.float_info.max:
        return repr(float(value))
    return UNKNOWN


def seconds(limit: str, /) -> Optional[float]:
    """Return a limit as a number, as far as it is one."""
    return None if limit in (NONE, UNKNOWN) else float(limit)
