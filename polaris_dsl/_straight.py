"""Writes a plan out as straight Python: what most runs in memory come down to, with nothing left to decide."""

from __future__ import annotations

import keyword
import linecache
import re
import time
from types import TracebackType
from typing import Callable, Dict, List, Mapping, Optional, Tuple, cast

import attrs

from polaris_dsl._plan import Call, Plan, Values
from polaris_dsl._state import Versions
from polaris_dsl.stores import Line


@attrs.frozen
class Straight:
    """The code of a plan: takes the values of the inputs, in their order, and returns what is there at the end.

    If it keeps a journal, it takes the lines and the foreign lines of a lane before.
    """

    run: Callable[..., Values]
    lines: Tuple[int, ...]
    """By call: the line of the code on which it begins."""
    locals: Tuple[str, ...]
    """By slot: what the code calls its data."""
    lines_of: Tuple[str, ...]
    """By slot: what the code calls the line of the journal on which its data stands, or its number; if it keeps one."""

    def stopped_at(self, trace: Optional[TracebackType], /) -> Tuple[int, Values, Versions]:
        """Return which call an exception ended, and the values and the versions that were there by then."""
        code = getattr(self.run, "__code__")  # noqa: B009  not of every callable, as far as a type checker knows
        while trace is not None and trace.tb_frame.f_code is not code:
            trace = trace.tb_next
        assert trace is not None  # noqa: S101  it came out of this code
        known = trace.tb_frame.f_locals
        call = next(at for at in reversed(range(len(self.lines))) if self.lines[at] <= trace.tb_lineno)
        versions = tuple(int(line) if line.isdigit() else known.get(line, 0) for line in self.lines_of)
        return call, tuple(map(known.get, self.locals)), versions


PAYS_AT = 8
"""The run at which a plan is compiled: that costs about as much as ten runs without it."""


class Compiled:
    """The straight code of a plan, made when that pays. Safe to share between threads."""

    def __init__(self, plan: Plan, /, *, draft: Optional[Callable[..., Line]] = None) -> None:
        self.code: Optional[Straight] = None
        self._plan = plan
        self._draft = draft
        self._needed = frozenset(slot for slot in plan.inputs if plan.consumers[slot])
        self._runs = 0
        self._tried = False

    def code_for(self, fed: Mapping[int, object], /) -> Optional[Straight]:
        """Return the code, if there is any by now that can run with what is fed."""
        if self.code is None:
            self._runs += 1  # two threads may count one: it is a guess anyway
            if self._runs >= PAYS_AT and not self._tried:
                self._tried = True
                self.code = straight(self._plan, draft=self._draft)
            return None
        return self.code if fed and self._needed <= fed.keys() else None


class Odd(Exception):  # no failure, but the way out of the straight code
    """A builder returned what is to be looked at more closely.

    It is a coroutine, or undeclared, or cannot be kept at once because others have put a line into the journal.
    """

    def __init__(self, value: object) -> None:
        self.value = value


def straight(plan: Plan, /, *, draft: Optional[Callable[..., Line]] = None) -> Optional[Straight]:
    """Compile a plan for runs that are fed all that is consumed; None if straight code cannot do what it means.

    That is where a data has several makers or is also fed (who made it must be known), and where a builder takes its
    `Context` or has accesses (which show versions, and the order of builders), or is called with options.

    With `draft`, which makes the line of a call that has ended, the code takes before the inputs the lines and the
    foreign lines of a lane, and puts what a builder made behind the lines that begin a run before it calls the next.
    """
    made = [slot for call in plan.calls for slot in call.produces]
    plain = not plan.heeds_options and all(
        argument.slot in call.waits_for for call in plan.calls for argument in call.arguments
    )
    if not plain or len(set(made)) < len(made) or not set(made).isdisjoint(plan.inputs):
        return None
    return _Writer(plan, draft).compiled()


class _Writer:
    """Writes the code of one plan."""

    def __init__(self, plan: Plan, draft: Optional[Callable[..., Line]]) -> None:
        self._plan = plan
        self._keeps = draft is not None
        self._scope: Dict[str, object] = {"__name__": __name__, "Odd": Odd, "type": type}
        self._scope.update({"draft": draft, "now": time.time} if self._keeps else {})
        self._taken = {*keyword.kwlist, *self._scope, "run", "made", "None", "n", "foreign", "lines"}
        self._types = [self._global(data.__name__, data) for data in plan.data]
        self._functions = [self._global(call.name, call.function) for call in plan.calls]
        self._locals = [self._name(_snake(data.__name__)) for data in plan.data]
        self._lines_of = [self._name(f"{name}_line") for name in self._locals] if self._keeps else []
        self._sure = {slot for slot in plan.inputs if plan.consumers[slot]}
        self._lines: List[str] = []
        self._n = "2"

    def compiled(self) -> Straight:
        """Write all calls, in plan order, and compile them."""
        self._begin()
        begins = []
        for at, call in enumerate(self._plan.calls):
            begins.append(len(self._lines) + 1)
            self._call(call, self._functions[at])
        self._lines.append(f"    return ({''.join(f'{name}, ' for name in self._locals)})")
        source = "\n".join(self._lines) + "\n"
        # Seen in tracebacks and debuggers. Kept for as long as the process lives, as the linecache of a module is.
        file = f"<polaris plan of {self._plan.workflow}, {self._plan.graph}{', kept' * self._keeps}>"
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        exec(compile(source, file, "exec"), self._scope)  # noqa: S102  it holds no text but the names made here
        run = cast("Callable[..., Values]", self._scope["run"])
        return Straight(run, tuple(begins), tuple(self._locals), tuple(self._lines_of))

    def _begin(self) -> None:
        inputs = [self._locals[slot] for slot in self._plan.inputs]
        self._lines.append(f"def run({', '.join([*(['lines', 'foreign'] if self._keeps else []), *inputs])}):")
        if self._keeps:
            for slot in self._plan.inputs:
                self._line_is(slot, "2", "    ", sure=slot in self._sure)

    def _call(self, call: Call, function: str) -> None:
        unsure = [self._locals[slot] for slot in call.consumes if slot not in self._sure]
        plain = len(call.produces) == 1 and not call.maybe
        indent = "    "
        if unsure or not plain:
            self._lines.append(f"{indent}{' = '.join(self._locals[slot] for slot in call.produces)} = None")
            if self._keeps and unsure:
                self._lines.append(f"{indent}{' = '.join(self._lines_of[slot] for slot in call.produces)} = 0")
        if unsure:
            self._count_on(indent)
            self._lines.append(f"{indent}if {' and '.join(f'{name} is not None' for name in unsure)}:")
            indent += "    "
        if plain:
            self._plain(call, self._written(call, function), indent)
            self._sure.update(() if unsure else call.produces)
        else:
            self._branching(call, self._written(call, function), indent)

    def _plain(self, call: Call, written: str, indent: str) -> None:
        slot = call.produces[0]
        name = self._locals[slot]
        self._lines += [
            f"{indent}{name} = {written}",
            f"{indent}if type({name}) is not {self._types[slot]}: raise Odd({name})",
        ]
        if self._keeps:
            self._keep(call, repr(self._plan.data[slot].__name__), name, indent)
            self._line_is(slot, self._n, indent, sure=True)

    def _branching(self, call: Call, written: str, indent: str) -> None:
        self._lines.append(f"{indent}made = {written}")
        word = "if"
        for slot in call.produces:
            self._lines.append(f"{indent}{word} type(made) is {self._types[slot]}: {self._locals[slot]} = made")
            word = "elif"
        self._lines.append(f"{indent}{'elif made is not None' if call.maybe else 'else'}: raise Odd(made)")
        if self._keeps:
            names = {self._plan.data[slot]: self._plan.data[slot].__name__ for slot in call.produces}
            self._keep(call, f"{self._global('name_of', names)}.get(type(made))", "made", indent)
            for slot in call.produces:
                self._line_is(slot, self._n, indent, sure=False)

    # The line on which the next data stands is known as long as no call was left out; from then on the code counts.

    def _keep(self, call: Call, name: str, value: str, indent: str) -> None:
        versions = "".join(f"{self._lines_of[slot]}, " for slot in call.waits_for)
        facts = f"draft, now(), {self._global('call', call)}, ({versions}), {name}, {value}, False"
        self._lines += [
            f"{indent}if foreign: raise Odd({value})",
            f"{indent}lines.append(({facts}))",
        ]
        if self._n == "n":
            self._lines.append(f"{indent}n = n + 1")
        else:
            self._n = str(int(self._n) + 1)

    def _count_on(self, indent: str) -> None:
        if self._keeps and self._n != "n":
            self._lines.append(f"{indent}n = {self._n}")
            self._n = "n"

    def _line_is(self, slot: int, line: str, indent: str, *, sure: bool) -> None:
        if sure and line != "n":
            self._lines_of[slot] = line
        else:
            there = line if sure else f"0 if {self._locals[slot]} is None else {line}"
            self._lines.append(f"{indent}{self._lines_of[slot]} = {there}")

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
