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

from polaris_dsl.mypy._failsoft import soft
from polaris_dsl.mypy._report import CODES

_ROOT = Path(__file__).parent.parent
_JUDGES = (
    *("_graph", "diagnostics", "_flaws", "_cycles", "_near", "_survey", "_worlds", "_loops", "_budget", "_transient"),
    "_analyze",
)
"""The modules whose change may change a verdict, besides those of this package."""


def plugin(_version: str, /) -> Type[Plugin]:
    """Tell mypy which plugin this is."""
    return PolarisPlugin


class PolarisPlugin(Plugin):
    """What mypy calls; a subclass because mypy demands one.

    Hooks are loaded when the first of them is wanted: where nothing has changed, mypy wants none.
    """

    codes = CODES
    """Loaded with the plugin, for then mypy reads which codes are enabled."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._digest = _digest()

    def report_config_data(self, _ctx: ReportConfigContext) -> str:
        """Make caches stale that another version of the analyzer or of this plugin has written."""
        return self._digest

    def get_function_hook(self, fullname: str) -> Optional[Callable[[FunctionContext], MypyType]]:
        if fullname == "polaris_dsl._builder.builder":
            from polaris_dsl.mypy._decorators import built  # noqa: PLC0415  see the docstring of the class

            return partial(soft, built, _returned)
        return None

    def get_function_signature_hook(self, fullname: str) -> Optional[Callable[[FunctionSigContext], FunctionLike]]:
        if fullname == "polaris_dsl._workflow.workflow":
            from polaris_dsl.mypy._workflows import checked  # noqa: PLC0415  see the docstring of the class

            return partial(soft, checked, _signature)
        return None

    def get_method_hook(self, fullname: str) -> Optional[Callable[[MethodContext], MypyType]]:
        if fullname == "polaris_dsl._builder.Decorator.__call__":
            from polaris_dsl.mypy._decorators import named  # noqa: PLC0415  see the docstring of the class

            return partial(soft, named, _returned)
        return None

    def get_method_signature_hook(self, fullname: str) -> Optional[Callable[[MethodSigContext], FunctionLike]]:
        if fullname == "polaris_dsl._builder.Builder.__get__":
            from polaris_dsl.mypy._descriptors import bound  # noqa: PLC0415  see the docstring of the class

            return partial(soft, bound, _signature)
        return None


def _returned(ctx: Union[FunctionContext, MethodContext]) -> MypyType:
    return ctx.default_return_type


def _signature(ctx: Union[FunctionSigContext, MethodSigContext]) -> FunctionLike:
    return ctx.default_signature


def _digest() -> str:
    files = [_ROOT / f"{name}.py" for name in _JUDGES] + sorted((_ROOT / "mypy").glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
