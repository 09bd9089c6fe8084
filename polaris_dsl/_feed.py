"""Checks what is fed to a run."""

from __future__ import annotations

from typing import Dict, List, Optional, Sequence

from polaris_dsl._plan import Plan
from polaris_dsl.errors import UnexpectedData

_NO_SLOT = -1


def accept(plan: Plan, data: Sequence[object], /, *, lasting: bool = False) -> Dict[int, object]:
    """Return the values that are fed, by slot; `lasting`: no transient ones are taken.

    Raises:
        UnexpectedData: it names types, and never values.
    """
    if plan.refused is not None:
        raise plan.refused
    taken: Dict[int, object] = {}
    problems: List[str] = []
    for value in data:
        slot = plan.slots.get(type(value), _NO_SLOT)
        problem = _problem(plan, value, slot)
        if problem is None and lasting and slot in plan.transient:
            problem = f"{type(value).__name__} is transient, and lives only within one call of run(): feed it there"
        if problem is None and slot in taken:
            problem = f"two values of {type(value).__name__} in one call: feed them one after the other"
        if problem is not None:
            problems.append(problem)
        else:
            taken[slot] = value
    if problems:
        raise UnexpectedData(workflow=plan.workflow, problems=problems, inputs=plan.names(plan.inputs))
    return taken


def _problem(plan: Plan, value: object, slot: int) -> Optional[str]:
    name = type(value).__name__
    if value is None:
        return "None is not data: leave it out"
    if isinstance(value, type):
        return f"{value.__name__} is a class: feed a value of it, {value.__name__}(...)"
    if slot in plan.inputs:
        return None
    for wanted in (plan.data[slot] for slot in plan.inputs):
        if isinstance(value, wanted):
            return f"{name} is a subclass of the input {wanted.__name__}, and data are matched by their exact class"
        if wanted.__name__ == name:
            return f"{name} is another class of that name ({type(value).__module__}, not {wanted.__module__})"
    makers = [call.name for call in plan.calls if slot in call.produces]
    made = f": it is made by {' or '.join(makers)}" if makers else ""
    return f"{name} is not an input{made}"
