"""Dispatches: which hook is called for which name, and what makes cached results stale."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path
from typing import Callable, Optional, Type, Union

from mypy.options import Options
from mypy.plugin import (
    FunctionContext,
    FunctionSigContext,
    MethodContext,
    MethodSigContext,
    Plugin,
    ReportConfigContext,
)
from mypy.types import FunctionLike
from mypy.types import Type as MypyType

from polaris_dsl.mypy._codes import CODES
from polaris_dsl.mypy._failsoft import soft

_ROOT = Path(__file__).parent.parent
_JUDGES = ("_catalogue", "_graph", "diagnostics", "_flaws", "_cycles", "_near", "_survey", "_worlds", "_analyze")
"""The modules whose change may change a verdict, besides those of this package."""


def plugin(_version: str, /) -> Type[Plugin]:
    """Tell mypy which plugin this is."""
    return PolarisPlugin


class PolarisPlugin(Plugin):
    """What mypy calls; a subclass because mypy demands one."""

    codes = CODES
    """Loaded with the plugin, for then mypy reads which codes are enabled."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._digest = _digest()

    def report_config_data(self, _ctx: ReportConfigContext) -> str:
        """Make caches stale that another version of the analyzer or of this plugin has written."""
        return self._digest

    def get_function_hook(self, fullname: str) -> Optional[Callable[[FunctionContext], MypyType]]:
        return partial(soft, _built, _returned) if fullname == "polaris_dsl._builder.builder" else None

    def get_function_signature_hook(self, fullname: str) -> Optional[Callable[[FunctionSigContext], FunctionLike]]:
        return partial(soft, _checked, _signature) if fullname == "polaris_dsl._workflow.workflow" else None

    def get_method_hook(self, fullname: str) -> Optional[Callable[[MethodContext], MypyType]]:
        return partial(soft, _named, _returned) if fullname == "polaris_dsl._builder.Decorator.__call__" else None

    def get_method_signature_hook(self, fullname: str) -> Optional[Callable[[MethodSigContext], FunctionLike]]:
        return partial(soft, _bound, _signature) if fullname == "polaris_dsl._builder.Builder.__get__" else None


def _returned(ctx: Union[FunctionContext, MethodContext]) -> MypyType:
    return ctx.default_return_type


def _signature(ctx: Union[FunctionSigContext, MethodSigContext]) -> FunctionLike:
    return ctx.default_signature


# --- hooks: loaded when one is called, for where nothing has changed mypy calls none; a failure to load fails softly --


def _built(ctx: FunctionContext) -> MypyType:
    from polaris_dsl.mypy._decorators import built  # noqa: PLC0415

    return built(ctx)


def _named(ctx: MethodContext) -> MypyType:
    from polaris_dsl.mypy._decorators import named  # noqa: PLC0415

    return named(ctx)


def _checked(ctx: FunctionSigContext) -> FunctionLike:
    from polaris_dsl.mypy._workflows import checked  # noqa: PLC0415

    return checked(ctx)


def _bound(ctx: MethodSigContext) -> FunctionLike:
    from polaris_dsl.mypy._descriptors import bound  # noqa: PLC0415

    return bound(ctx)


# --- caches ----------------------------------------------------------------------------------------------------------


def _digest() -> str:
    files = [_ROOT / f"{name}.py" for name in _JUDGES] + sorted((_ROOT / "mypy").glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
