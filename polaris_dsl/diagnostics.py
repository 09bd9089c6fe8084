"""What the analyzer has to say: `Diagnostic`, and the text of each code."""

from __future__ import annotations

import os
from typing import Dict, List, Sequence, Tuple

import attrs

from polaris_dsl._catalogue import CATALOGUE, Code
from polaris_dsl._graph import Item, Place

__all__ = ["CATALOGUE", "Code", "Diagnostic", "render"]


@attrs.frozen
class Diagnostic:
    """One problem of a workflow.

    `file` and `line` are the place to mend: the `workflow(` call at runtime, the item of the list under mypy. `path` is
    the shortest way from the problem to the target that it breaks, data and builders in turns. `help` is one line that
    says what to do. `item` is the position in `builders=` or the argument that the diagnostic is about. `related` says
    where the builders of the message are written: pairs of name and place.
    """

    code: Code
    subject: str
    message: str
    file: str = ""
    line: int = 0
    path: Tuple[str, ...] = ()
    help: str = ""
    item: Item = "builders"
    related: Tuple[Tuple[str, Place], ...] = ()

    @property
    def page(self) -> str:
        """The command that prints the page of the code: what it means, the smallest program that gets it, the cure."""
        return f"polaris explain {self.code}"

    def __str__(self) -> str:
        return render(self)


_PATH_END = 12
"""So many names of each end of a path are told."""


def render(diagnostic: Diagnostic, /) -> str:
    """Tell a diagnostic as compilers do: place, code and sentence on the first line, the rest indented below it.

    Files below the current directory are shown relative to it, so that a terminal makes them clickable.
    """
    head = f"{_shown(Place(diagnostic.file, diagnostic.line))}: {diagnostic.code}: {diagnostic.message}"
    return "\n    ".join([head, *details(diagnostic)])


def details(diagnostic: Diagnostic, /) -> Tuple[str, ...]:
    """Return what there is to say below the sentence of a diagnostic: the path, the places, the cure, the page."""
    lines = [f"path: {' -> '.join(_shortened(diagnostic.path))}"] * bool(diagnostic.path)
    lines += [f"{name} is defined at {_shown(place)}" for name, place in diagnostic.related if place.file]
    lines += [f"help: {diagnostic.help}"] * bool(diagnostic.help)
    return (*lines, f"see: {diagnostic.page}")


def _shortened(path: Sequence[str]) -> Sequence[str]:
    """Leave out the middle of a long path: what breaks stands at its one end, what it breaks at the other."""
    left_out = len(path) - 2 * _PATH_END
    return (*path[:_PATH_END], f"({left_out:,} more)", *path[-_PATH_END:]) if left_out > 1 else path


def _shown(place: Place) -> str:
    here = os.path.join(os.getcwd(), "")  # noqa: PTH109, PTH118  pathlib takes long to load
    return str(attrs.evolve(place, file=place.file[len(here) :] if place.file.startswith(here) else place.file))


# --- text: a sentence and a line of help for each code ---------------------------------------------------------------

Text = Tuple[str, str]


def _both(names: Sequence[str]) -> str:
    """Join names as English does: `a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


_ROLES: Dict[str, str] = {"consumes": "consumes {}", "optionals": "takes {} as an optional", "accesses": "accesses {}"}


def duplicate_builder(name: str, *, same: bool) -> Text:
    """Two entries of one name."""
    if same:
        return f"{name} is listed twice", "remove one of the two"
    return f"two builders are called {name}", 'give one of them another name: @builder(name="...")'


def name_clash(name: str, *, modules: Sequence[str]) -> Text:
    """Two data that a journal could not tell apart."""
    where = f" ({_both(modules)})" if len(set(modules)) > 1 else ""
    return f"two data are called {name}{where}", "rename one of them: a journal calls data by their class name"


def missing_data(name: str, *, taker: str, role: str, others: Sequence[str], near: str, inputs: Sequence[str]) -> Text:
    """A data that comes from nowhere."""
    hint = near or f"list a builder that produces it, or feed it: inputs={' | '.join([*inputs, name])}"
    also = f" (also taken by {_both(others)})" if others else ""
    return f"{taker} {_ROLES[role].format(name)}, but it is no input and no listed builder produces it", hint + also


def no_producer(name: str, *, takers: Sequence[str], near: str) -> Text:
    """A target that nobody makes."""
    also = f" (also taken by {_both(takers)})" if takers else ""
    return f"no listed builder produces the target {name}", (near or f"list a builder that returns {name}") + also


def cycle(loop: Sequence[str]) -> Text:
    """A loop of builders."""
    access = "as Access[...], which never orders or triggers"
    inputs = "in inputs=: that makes a loop, which goes round until nothing changes"
    if len(loop) == 1:
        return f"{loop[0]} waits for itself", f"take its last product {access}, or list it {inputs}"
    return (
        f"{_both(loop)} wait for each other",
        f"break the loop: take one of its data {access}, or list one {inputs}",
    )


def ambiguous_producer(name: str, *, first: str, second: str, note: str) -> Text:
    """A data with two makers at once."""
    return (
        f"{first} and {second} can both produce {name} in one run",
        f"remove one of them, or make them consume different alternatives of one builder{note}",
    )


def unreachable_target(target: str, *, joint: str, conflict: Sequence[str]) -> Text:
    """A target that no choice leads to."""
    together = f"{joint} consumes {_both(conflict)}, which no choice of alternatives makes together"
    return (
        f"{target} can never be reached: {together}",
        f"take one of them as an optional, or split {joint} into one builder for each alternative",
    )


def dead_end(choices: Sequence[Tuple[str, str]], *, target: Sequence[str], note: str) -> Text:
    """A choice, or a combination of choices, that leads nowhere."""
    when = _both([f"{builder} returns {data}" for builder, data in choices])
    last = choices[-1][1]
    ends = " | ".join([*target, last])
    return (
        f"when {when}, {' | '.join(target)} can never be reached",
        f"list builders that lead from {last} to the target, or let it be an end: target={ends}{note}",
    )


def unreachable_builder(name: str, *, conflict: Sequence[str]) -> Text:
    """A builder that can never run."""
    return (
        f"{name} can never run: it consumes {_both(conflict)}, which no choice of alternatives makes together",
        "take one of them as an optional, split the builder, or remove it",
    )


def transient_target(name: str, *, rest: Sequence[str]) -> Text:
    """A target that is forgotten when its call ends."""
    return (
        f"the target {name} cannot be transient: a run would not know any more that it is complete",
        f"remove it ({_transient(rest)})",
    )


def transient_nowhere(name: str, *, rest: Sequence[str], near: str) -> Text:
    """A transient data that no builder and no caller has."""
    return (
        f"the transient {name} is neither an input nor produced by any listed builder",
        near or f"remove it ({_transient(rest)}), or list what makes or takes it",
    )


def transient_once(name: str, *, maker: str, rest: Sequence[str]) -> Text:
    """A transient data of a builder that must not be called twice."""
    return (
        f"the transient {name} is made by {maker} at most once: a later call that needs it would call {maker} again",
        f"let {maker} make what may be kept ({_transient(rest)}), or leave out at_most_once=True",
    )


def _transient(rest: Sequence[str]) -> str:
    return f"transient={' | '.join(rest)}" if rest else "leave out transient="


def transient_needed_later(name: str, *, taker: str, role: str, late: str, first: str, makes: bool, note: str) -> Text:
    """A transient data that is gone when its taker can run at last."""
    verb = "made" if makes else "taken"
    return (
        f"{taker} {_ROLES[role].format(name)}, which is gone if the run pauses for {late} after {first} has {verb} it",
        f"let {first} wait for {late} too, or let it return what {taker} needs as a data that is not transient{note}",
    )


def over_budget(budget: str, *, total: str, times: Sequence[Tuple[str, str]], note: str) -> Text:
    """A workflow whose builders may keep to their time limits, and yet not to its own."""
    told = " + ".join(f"{builder} {time} s" for builder, time in times)
    return (
        f"timeout_s is {budget} s, but the builders on the way to the target may take {total} s",
        f"give the workflow timeout_s={total} or more, or its builders less: {told}{note}",
    )


def unused_inputs(names: Sequence[str], *, rest: Sequence[str]) -> List[Text]:
    """Inputs that go nowhere; many of them share one help, which names all the rest."""
    mended = f"inputs={' | '.join(rest)}" if rest else "leave out inputs="
    help_ = f"remove it ({mended}), or list the builder that takes it"
    return [(f"no listed builder takes the input {name}", help_) for name in names]
