"""Writes a plan out as straight Python: what most runs in memory come down to, with nothing left to decide."""

from __future__ import annotations

import keyword
import linecache
import re
from types import TracebackType
from typing import Callable, Dict, Optional, Tuple, cast

import attrs

from polaris_dsl._options import NO_OPTIONS
from polaris_dsl._plan import Call, Plan, Values


@attrs.frozen
class Straight:
    """The code of a plan: takes the values of the inputs, in their order, and returns what is there at the end."""

    run: Callable[..., Values]
    lines: Tuple[int, ...]
    """By call: the line of the code on which it begins."""
    locals: Tuple[str, ...]
    """By slot: what the code calls its data."""

    def stopped_at(self, trace: Optional[TracebackType], /) -> Tuple[int, Values]:
        """Return which call an exception ended, and what was there by then."""
        code = getattr(self.run, "__code__")  # noqa: B009  not of every callable, as far as a type checker knows
        while trace is not None and trace.tb_frame.f_code is not code:
            trace = trace.tb_next
        assert trace is not None  # noqa: S101  it came out of this code
        known = trace.tb_frame.f_locals
        call = next(at for at in reversed(range(len(self.lines))) if self.lines[at] <= trace.tb_lineno)
        return call, tuple(known.get(name) for name in self.locals)


class Odd(Exception):  # no failure, but the way out of the straight code
    """A builder returned what is to be looked at more closely: a coroutine, or something undeclared."""

    def __init__(self, value: object) -> None:
        self.value = value


def straight(plan: Plan, /) -> Optional[Straight]:
    """Compile a plan for runs that are fed all that is consumed; None if straight code cannot do what it means.

    That is where a data has several makers or is also fed (who made it must be known), and where a builder takes its
    `Context` or has accesses (which show versions, and the order of builders), or is called with options.
    """
    if plan.loops or any(call.options is not NO_OPTIONS for call in plan.calls):
        return None
    made = [slot for call in plan.calls for slot in call.produces]
    plain = all(argument.slot in call.waits_for for call in plan.calls for argument in call.arguments)
    if not plain or len(set(made)) < len(made) or not set(made).isdisjoint(plan.inputs):
        return None
    return _Writer(plan).compiled()


class _Writer:
    """Writes the code of one plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._scope: Dict[str, object] = {"__name__": __name__, "Odd": Odd, "type": type}
        self._taken = {*keyword.kwlist, *self._scope, "run", "made", "None"}
        self._types = [self._global(data.__name__, data) for data in plan.data]
        self._functions = [self._global(call.name, call.function) for call in plan.calls]
        self._locals = [self._name(_snake(data.__name__)) for data in plan.data]
        self._sure = {slot for slot in plan.inputs if plan.consumers[slot]}
        self._lines = [f"def run({', '.join(self._locals[slot] for slot in plan.inputs)}):"]

    def compiled(self) -> Straight:
        """Write all calls, in plan order, and compile them."""
        begins = []
        for at, call in enumerate(self._plan.calls):
            begins.append(len(self._lines) + 1)
            self._call(call, self._functions[at])
        self._lines.append(f"    return ({''.join(f'{name}, ' for name in self._locals)})")
        source = "\n".join(self._lines) + "\n"
        # Seen in tracebacks and debuggers. Kept for as long as the process lives, as the linecache of a module is.
        file = f"<polaris plan of {self._plan.workflow}, {self._plan.graph}>"
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        exec(compile(source, file, "exec"), self._scope)  # noqa: S102  it holds no text but the names made here
        return Straight(cast("Callable[..., Values]", self._scope["run"]), tuple(begins), tuple(self._locals))

    def _call(self, call: Call, function: str) -> None:
        unsure = [self._locals[slot] for slot in call.consumes if slot not in self._sure]
        plain = len(call.produces) == 1 and not call.maybe
        indent = "    "
        if unsure or not plain:
            self._lines.append(f"{indent}{' = '.join(self._locals[slot] for slot in call.produces)} = None")
        if unsure:
            self._lines.append(f"{indent}if {' and '.join(f'{name} is not None' for name in unsure)}:")
            indent += "    "
        if plain:
            self._plain(call.produces[0], self._written(call, function), indent)
            self._sure.update(() if unsure else call.produces)
        else:
            self._branching(call, self._written(call, function), indent)

    def _plain(self, slot: int, written: str, indent: str) -> None:
        name = self._locals[slot]
        self._lines += [
            f"{indent}{name} = {written}",
            f"{indent}if type({name}) is not {self._types[slot]}: raise Odd({name})",
        ]

    def _branching(self, call: Call, written: str, indent: str) -> None:
        self._lines.append(f"{indent}made = {written}")
        word = "if"
        for slot in call.produces:
            self._lines.append(f"{indent}{word} type(made) is {self._types[slot]}: {self._locals[slot]} = made")
            word = "elif"
        self._lines.append(f"{indent}{'elif made is not None' if call.maybe else 'else'}: raise Odd(made)")

    def _written(self, call: Call, function: str) -> str:
        arguments = []
        for argument in call.arguments:
            text = self._locals[argument.slot]
            if argument.default is not None:
                default = self._global("default", argument.default)
                text = f"({default} if {text} is None else {text})"
            arguments.append(text if argument.keyword is None else f"{argument.keyword}={text}")
        return f"{function}({', '.join(arguments)})"

    def _global(self, name: str, value: object) -> str:
        name = self._name(name)
        self._scope[name] = value
        return name

    def _name(self, wanted: str) -> str:
        """Return a name that nothing has yet, as near to the wanted one as Python allows."""
        name = plain = re.sub(r"\W|^(?=\d)", "_", wanted)
        number = 1
        while name in self._taken:
            number += 1
            name = f"{plain}_{number}"
        self._taken.add(name)
        return name


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
