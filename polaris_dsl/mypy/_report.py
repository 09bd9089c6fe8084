"""Reports diagnostics as mypy errors."""

from __future__ import annotations

from typing import Optional

from mypy.messages import format_type_bare
from mypy.nodes import Context
from mypy.plugin import CheckerPluginInterface
from mypy.types import Type

from polaris_dsl.diagnostics import Diagnostic, details
from polaris_dsl.mypy._codes import CODES, UNCHECKED


def report(found: Diagnostic, /, *, at: Context, origin: Optional[Context] = None, api: CheckerPluginInterface) -> None:
    """Report a diagnostic; an ignore is taken on its own line or on the first of `origin`."""
    code = CODES[found.code]
    api.msg.fail(found.message, at, code=code, origin_context=origin)
    for line in details(found):  # without parent_error: mypy 2.4 drops such notes where it judges a call twice
        api.msg.note(line, at, code=code, origin_context=origin)


def report_unchecked(why: str, /, *, at: Context, origin: Context, api: CheckerPluginInterface) -> None:
    """Say what cannot be checked, to those who have enabled that."""
    api.msg.fail(why, at, code=UNCHECKED, origin_context=origin)


def later(what: str, type_: Type, /, *, api: CheckerPluginInterface) -> str:
    """Say that a type leaves open what is wanted of it."""
    return f"{what} shows only when the program runs: its type is {shown(type_, api=api)}"


def shown(type_: Type, /, *, api: CheckerPluginInterface) -> str:
    """Return a type as mypy shows it, the same whether it comes from a cache or not."""
    return format_type_bare(type_, api.options).replace("[VarArg(Any), KwArg(Any)]", "...")
