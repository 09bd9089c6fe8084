"""What is wrong with what was written."""

from __future__ import annotations

from typing import Sequence, Tuple

from polaris_dsl.diagnostics import Diagnostic, render
from polaris_dsl.errors._root import PolarisError


class DefinitionError(PolarisError):
    """Something is wrong with how builders or a workflow were written."""

    def __init__(self, message: str) -> None:
        self.message = message

    def __str__(self) -> str:
        return self.message


class WorkflowError(DefinitionError):
    """A workflow cannot work; `diagnostics` holds every problem, causes before consequences."""

    def __init__(self, name: str, diagnostics: Sequence[Diagnostic]) -> None:
        self.name = name
        self.diagnostics: Tuple[Diagnostic, ...] = tuple(diagnostics)

    def __str__(self) -> str:
        count = len(self.diagnostics)
        told = "\n\n".join(render(diagnostic) for diagnostic in self.diagnostics)
        named = f"workflow {self.name}" if self.name else "the workflow"
        return f"{named} has {count} problem{'s' if count > 1 else ''}\n\n{told}"
