"""Writes a plan out as straight Python: what most runs in memory come down to, with nothing left to decide."""

from __future__ import annotations

import hashlib
import keyword
import linecache
import re
import time
from typing import Callable, Dict, List, Mapping, Optional, Tuple, cast

import attrs

from polaris_dsl._plan import Call, Plan, Values
from polaris_dsl._state import Versions
from polaris_dsl.stores import Line

Stopped = List[Mapping[str, object]]
"""Takes what straight code knew when an exception ended it: its local names, and what they stood for."""


@attrs.frozen
class Straight:
    """The code of a plan: takes the values of the inputs, in their order, and returns what is there at the end.

    Before these it takes a list, into which it puts all that it knows when an exception ends it, and if it keeps a
    journal, the lines and the foreign lines of a lane.
    """

    run: Callable[..., Values]
    made: Tuple[str, ...]
    """By call: a name that the code knows once that call has ended, or was left out, and not before."""
    locals: Tuple[str, ...]
    """By slot: what the code calls its data."""
    lines_of: Tuple[str, ...]
    """By slot: what the code calls the line of the journal on which its data stands, or its number; if it keeps one."""

    def stopped_at(self, error: Exception, known: Mapping[str, object], /) -> Tuple[int, Values, Versions]:
        """Return which call an exception ended, and the values and the versions that were there by then.

        The exception itself cannot tell: one object may be raised in several threads at once, and its traceback is that
        of the last.
        """
        calls = (call for call, name in enumerate(self.made) if name not in known)
        call = error.call if isinstance(error, Odd) else next(calls, len(self.made) - 1)
        versions = tuple(int(line) if line.isdigit() else cast("int", known.get(line, 0)) for line in self.lines_of)
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

    def __init__(self, value: object, call: int) -> None:
        self.value = value
        self.call = call


def straight(plan: Plan, /, *, draft: Optional[Callable[..., Line]] = None) -> Optional[Straight]:
    """Compile a plan for runs that are fed all that is consumed; None if straight code cannot do what it means.

    That is where a data has several makers or is also fed (who made it must be known), and where a builder takes its
    `Context` or has accesses (which show versions, and the order of builders), or is called with options.

    With `draft`, which makes the line of a call that has ended, the code takes the lines and the foreign lines of a
    lane too, and puts what a builder made behind the lines that begin a run before it calls the next.
    """
    made = [slot for call in plan.calls for slot in call.produces]
    plain = not plan.heeds_options and all(
        argument.slot in call.waits_for for call in plan.calls for argument in call.arguments
    )
    if not plain or len(set(made)) < len(made) or not set(made).isdisjoint(plan.inputs):
        return None
    return _Writer(plan, draft).compiled()


_WORDS = frozenset({"run", "made", "None", "n", "foreign", "lines", "stopped", "__debug__"})
"""What the code itself calls something, or must not."""

_INDENT = " " * 8


class _Writer:
    """Writes the code of one plan."""

    def __init__(self, plan: Plan, draft: Optional[Callable[..., Line]]) -> None:
        self._plan = plan
        self._keeps = draft is not None
        self._scope: Dict[str, object] = {
            "__name__": __name__,
            "Odd": Odd,
            "type": type,
            "locals": locals,
            "Exception": Exception,
        }
        self._scope.update({"draft": draft, "now": time.time} if self._keeps else {})
        self._taken = {*keyword.kwlist, *self._scope, *_WORDS}
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
        for at in range(len(self._plan.calls)):
            self._call(at)
        self._lines += [
            f"        return ({''.join(f'{name}, ' for name in self._locals)})",
            "    except Exception:",
            "        stopped.append(locals())",
            "        raise",
        ]
        source = "\n".join(self._lines) + "\n"
        # Seen in tracebacks and debuggers. Kept for as long as the process lives, as the linecache of a module is.
        # By its text too: one graph can be written out in several ways, and each keeps its own lines.
        digest = hashlib.blake2b(source.encode(), digest_size=8).hexdigest()
        file = f"<polaris plan of {self._plan.workflow}, {self._plan.graph}{', kept' * self._keeps}, {digest}>"
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        exec(compile(source, file, "exec"), self._scope)  # noqa: S102  it holds no text but the names made here
        run = cast("Callable[..., Values]", self._scope["run"])
        made = tuple(self._locals[call.produces[0]] for call in self._plan.calls)
        return Straight(run, made, tuple(self._locals), tuple(self._lines_of))

    def _begin(self) -> None:
        inputs = [self._locals[slot] for slot in self._plan.inputs]
        takes = ["stopped", *(["lines", "foreign"] if self._keeps else []), *inputs]
        self._lines += [f"def run({', '.join(takes)}):", "    try:"]
        if self._keeps:
            for slot in self._plan.inputs:
                self._line_is(slot, "2", _INDENT, sure=slot in self._sure)

    def _call(self, at: int) -> None:
        """Write a call, so that what it makes gets its name when it has ended, or is left out, and not before."""
        call = self._plan.calls[at]
        unsure = [self._locals[slot] for slot in call.consumes if slot not in self._sure]
        plain = len(call.produces) == 1 and not call.maybe
        indent = _INDENT
        if unsure:
            self._count_on(indent)
            self._lines.append(f"{indent}if {' and '.join(f'{name} is not None' for name in unsure)}:")
            indent += "    "
        if plain:
            self._plain(at, indent)
            self._sure.update(() if unsure else call.produces)
        else:
            self._branching(at, indent)
        if unsure:
            self._lines += [f"{_INDENT}else:", f"{indent}{self._nothing(call)}"]
            if self._keeps:
                self._lines.append(f"{indent}{' = '.join(self._lines_of[slot] for slot in call.produces)} = 0")

    def _plain(self, at: int, indent: str) -> None:
        slot = self._plan.calls[at].produces[0]
        name = self._locals[slot]
        self._lines += [
            f"{indent}{name} = {self._written(at)}",
            f"{indent}if type({name}) is not {self._types[slot]}: raise Odd({name}, {at})",
        ]
        if self._keeps:
            self._keep(at, repr(self._plan.data[slot].__name__), name, indent)
            self._line_is(slot, self._n, indent, sure=True)

    def _branching(self, at: int, indent: str) -> None:
        call = self._plan.calls[at]
        self._lines += [f"{indent}made = {self._written(at)}", f"{indent}{self._nothing(call)}"]
        word = "if"
        for slot in call.produces:
            self._lines.append(f"{indent}{word} type(made) is {self._types[slot]}: {self._locals[slot]} = made")
            word = "elif"
        self._lines.append(f"{indent}{'elif made is not None' if call.maybe else 'else'}: raise Odd(made, {at})")
        if self._keeps:
            names = {self._plan.data[slot]: self._plan.data[slot].__name__ for slot in call.produces}
            self._keep(at, f"{self._global('name_of', names)}.get(type(made))", "made", indent)
            for slot in call.produces:
                self._line_is(slot, self._n, indent, sure=False)

    def _nothing(self, call: Call) -> str:
        return f"{' = '.join(self._locals[slot] for slot in call.produces)} = None"

    # The line on which the next data stands is known as long as no call was left out; from then on the code counts.

    def _keep(self, at: int, name: str, value: str, indent: str) -> None:
        call = self._plan.calls[at]
        versions = "".join(f"{self._lines_of[slot]}, " for slot in call.waits_for)
        facts = f"draft, now(), {self._global('call', call)}, ({versions}), {name}, {value}, False"
        self._lines += [
            f"{indent}if foreign: raise Odd({value}, {at})",
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

    def _written(self, at: int) -> str:
        arguments = []
        for argument in self._plan.calls[at].arguments:
            text = self._locals[argument.slot]
            if argument.default is not None:
                default = self._global("default", argument.default)
                text = f"({default} if {text} is None else {text})"
            arguments.append(text if argument.keyword is None else f"{argument.keyword}={text}")
        return f"{self._functions[at]}({', '.join(arguments)})"

    def _global(self, name: str, value: object) -> str:
        name = self._name(name)
        self._scope[name] = value
        return name

    def _name(self, wanted: str) -> str:
        """Return a name that nothing has yet, as near to the wanted one as Python allows.

        Only of ASCII: Python takes names for one that differ as "µ" and "μ" do, and refuses some word characters.
        """
        name = plain = re.sub(r"\W|^(?=\d)", "_", wanted, flags=re.ASCII)
        number = 1
        while name in self._taken:
            number += 1
            name = f"{plain}_{number}"
        self._taken.add(name)
        return name


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
