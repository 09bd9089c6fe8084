"""Finds the calls of `workflow()` in a module that importing it does not come to."""

from __future__ import annotations

import ast
from typing import Collection, Dict, Iterator, Tuple

import attrs

from polaris_dsl._cli._report import Unreached
from polaris_dsl._graph import Place

_TOP = "polaris_dsl"
_Function = (ast.FunctionDef, ast.AsyncFunctionDef)


@attrs.frozen
class _Names:
    """What a module calls `workflow`, and what it calls the package."""

    functions: Collection[str]
    packages: Collection[str]

    def called_by(self, called: ast.expr) -> bool:
        if isinstance(called, ast.Attribute):
            return isinstance(called.value, ast.Name) and called.value.id in self.packages and called.attr == "workflow"
        return isinstance(called, ast.Name) and called.id in self.functions


def unreached(source: str, /, *, holder: str, file: str, reached: Collection[int]) -> Iterator[Unreached]:
    """Yield each call that spans none of the lines `reached`, with the function to name for a check of its own."""
    tree = ast.parse(source)
    names = _names(tree)
    for call, maker in _calls(tree):
        if names.called_by(call.func) and not any(call.lineno <= line <= _end(call) for line in reached):
            yield Unreached(Place(file, call.lineno), f"{holder}:{maker}" if maker else "")


def _end(call: ast.Call) -> int:
    return call.end_lineno or call.lineno


def _names(tree: ast.Module) -> _Names:
    functions: Dict[str, None] = {}
    packages: Dict[str, None] = {}
    for part in ast.walk(tree):
        if isinstance(part, ast.ImportFrom) and part.module == _TOP:
            functions.update({one.asname or one.name: None for one in part.names if one.name == "workflow"})
        elif isinstance(part, ast.Import):
            packages.update({one.asname or one.name: None for one in part.names if one.name == _TOP})
    return _Names(functions, packages)


def _calls(tree: ast.Module) -> Iterator[Tuple[ast.Call, str]]:
    """Yield all calls, each with the function at the top of the module that it stands in."""
    for statement in tree.body:
        maker = statement.name if isinstance(statement, _Function) else ""
        for part in ast.walk(statement):
            if isinstance(part, ast.Call):
                yield part, maker
