"""The analyzer against the brute force, on random graphs."""

from __future__ import annotations

import collections
import os
import pathlib
import subprocess
import sys
from itertools import combinations
from random import Random
from typing import Counter, Dict, List, Sequence, Tuple

import attrs
import pytest
from hypothesis import HealthCheck, assume, event, example, given, settings
from hypothesis import strategies as st

from polaris_dsl._analyze import analyze
from polaris_dsl._graph import Argument, BuilderSpec, DataSpec, Flaw, Graph, Place
from polaris_dsl.diagnostics import Diagnostic
from tests.oracle_worlds import Mark, case_of, disagreement, expected, first_calls, hops_of, lost
from tests.test_oracle_itself import HAND_MADE, sketch

EXAMPLES = int(os.environ.get("POLARIS_EXAMPLES", "1500"))
"""How many random graphs are compared; for the long form, POLARIS_EXAMPLES=100000."""

thorough = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
quick = settings(thorough, max_examples=EXAMPLES // 5)


# --- random workflows ------------------------------------------------------------------------------------------------

LETTERS = "ABCDEFGHIJKLM"
KEYS = tuple(f"app:{letter}" for letter in LETTERS)
STRANGER = "old:"
MOST_BUILDERS = 8
MOST_WORLDS = 200


@attrs.define
class Sketch:
    """A workflow while it is drawn."""

    inputs: List[str]
    builders: List[BuilderSpec] = attrs.field(factory=list)

    @property
    def known(self) -> List[str]:
        made = [data for spec in self.builders for data in spec.produces]
        return list(dict.fromkeys(self.inputs + made))

    @property
    def fresh(self) -> List[str]:
        return [key for key in KEYS if key not in self.known]

    @property
    def loose_ends(self) -> List[str]:
        taken = {data for spec in self.builders for data in spec.takes}
        return [data for data in self.known if data not in taken and data not in self.inputs]

    def add(self, consumes: List[str], produces: List[str]) -> None:
        name = f"b{len(self.builders)}"
        self.builders.append(BuilderSpec(name, consumes=tuple(consumes), produces=tuple(produces)))


# A shape adds builders to what is there; each leaves the workflow as sound as it was, except by chance.


def _chain(draw: st.DrawFn, flow: Sketch) -> None:
    ends = flow.loose_ends or flow.known
    flow.add([draw(st.sampled_from(ends))], flow.fresh[:1])


def _join(draw: st.DrawFn, flow: Sketch) -> None:
    flow.add(draw(st.lists(st.sampled_from(flow.known), min_size=1, max_size=3, unique=True)), flow.fresh[:1])


def _branch(draw: st.DrawFn, flow: Sketch) -> None:
    ends = flow.loose_ends or flow.known
    flow.add([draw(st.sampled_from(ends))], flow.fresh[: draw(st.integers(2, 3))])


def _two_branches(draw: st.DrawFn, flow: Sketch) -> None:
    start = draw(st.sampled_from(flow.known))
    for _ in range(2):
        flow.add([start], flow.fresh[:2])


def _merge(draw: st.DrawFn, flow: Sketch) -> None:
    branching = [spec for spec in flow.builders if len(spec.produces) > 1]
    if branching:
        merged = flow.fresh[:1]
        for alternative in draw(st.sampled_from(branching)).produces:
            flow.add([alternative], merged)


def _exclude(draw: st.DrawFn, flow: Sketch) -> None:
    """Consume two alternatives of one builder at once: that never runs."""
    branching = [spec for spec in flow.builders if len(spec.produces) > 1]
    if branching:
        flow.add(list(draw(st.sampled_from(branching)).produces[:2]), flow.fresh[:1])


def _remake(draw: st.DrawFn, flow: Sketch) -> None:
    consumed = draw(st.sampled_from(flow.known))
    others = [data for data in flow.known if data != consumed]
    flow.add([consumed], [draw(st.sampled_from(others))] if others else flow.fresh[:1])


def _take_more(draw: st.DrawFn, flow: Sketch) -> None:
    """Let a builder also take something made before it, in any way."""
    at = draw(st.integers(0, len(flow.builders) - 1))
    spec = flow.builders[at]
    earlier = Sketch(flow.inputs, flow.builders[:at]).known
    data = draw(st.sampled_from(earlier))
    if data not in spec.takes:
        flow.builders[at] = _with(spec, draw(st.sampled_from(TAKES)), data)


TAKES = ("consumes", "optionals", "accesses")
FIELDS = (*TAKES, "produces")
SHAPES = (_chain, _chain, _join, _branch, _branch, _two_branches, _merge, _merge, _exclude, _exclude, _remake)


def _with(spec: BuilderSpec, field: str, data: str) -> BuilderSpec:
    return _replaced(spec, field, (*getattr(spec, field), data))


def _replaced(spec: BuilderSpec, field: str, words: Tuple[str, ...]) -> BuilderSpec:
    new: Dict[str, Tuple[str, ...]] = {one: words if one == field else getattr(spec, one) for one in FIELDS}
    consumes, optionals, accesses, produces = (new[one] for one in FIELDS)
    produces = tuple(dict.fromkeys(produces))  # as in `A | A`
    return attrs.evolve(spec, consumes=consumes, optionals=optionals, accesses=accesses, produces=produces)


# A slip is what a user gets wrong.


def _forget(draw: st.DrawFn, graph: Graph) -> Graph:
    at = draw(st.integers(0, len(graph.builders) - 1))
    return attrs.evolve(graph, builders=graph.builders[:at] + graph.builders[at + 1 :])


def _change(draw: st.DrawFn, graph: Graph, fields: Tuple[str, ...], keys: Tuple[str, ...]) -> Graph:
    at = draw(st.integers(0, len(graph.builders) - 1))
    changed = _with(graph.builders[at], draw(st.sampled_from(fields)), draw(st.sampled_from(keys)))
    return _with_builder(graph, at, changed)


def _with_builder(graph: Graph, at: int, spec: BuilderSpec) -> Graph:
    return attrs.evolve(graph, builders=(*graph.builders[:at], spec, *graph.builders[at + 1 :]))


def _take_anything(draw: st.DrawFn, graph: Graph) -> Graph:
    return _change(draw, graph, TAKES, tuple(graph.data))


def _wait_for_later(draw: st.DrawFn, graph: Graph) -> Graph:
    made = tuple(data for spec in graph.builders for data in spec.produces)
    return _change(draw, graph, ("consumes", "optionals"), made or graph.target)


def _make_more(draw: st.DrawFn, graph: Graph) -> Graph:
    at = draw(st.integers(0, len(graph.builders) - 1))
    spec = graph.builders[at]
    free = [key for key in graph.data if key not in spec.produces]
    return _with_builder(graph, at, _with(spec, "produces", draw(st.sampled_from(free))))


def _list_twice(draw: st.DrawFn, graph: Graph) -> Graph:
    again = draw(st.sampled_from(graph.builders))
    if draw(st.booleans()):
        again = attrs.evolve(draw(st.sampled_from(graph.builders)), name=again.name)
    return attrs.evolve(graph, builders=(*graph.builders, again))


def _mistake_for_another(draw: st.DrawFn, graph: Graph) -> Graph:
    at = draw(st.integers(0, len(graph.builders) - 1))
    spec = graph.builders[at]
    for field in draw(st.permutations(FIELDS)):
        if getattr(spec, field):
            first, *rest = getattr(spec, field)
            mistaken = (STRANGER + graph.data[first].name, *rest)
            return _with_builder(graph, at, _replaced(spec, field, mistaken))
    return graph


def _misname_input(draw: st.DrawFn, graph: Graph) -> Graph:
    stranger = STRANGER + draw(st.sampled_from(LETTERS))
    return _change(draw, attrs.evolve(graph, inputs=(*graph.inputs, stranger)), TAKES, (stranger,))


def _write_badly(draw: st.DrawFn, graph: Graph) -> Graph:
    at = draw(st.integers(0, len(graph.builders) - 1))
    spec = attrs.evolve(graph.builders[at], flaw=Flaw("cannot be read"))
    if draw(st.booleans()):
        spec = attrs.evolve(spec, produces=spec.produces[:-1], product_known=False)
    if draw(st.booleans()):
        spec = attrs.evolve(spec, consumes=spec.consumes[:-1], reads_known=False)
    graph = _with_builder(graph, at, spec)
    return _take_anything(draw, graph) if draw(st.booleans()) else graph


def _subclass(draw: st.DrawFn, graph: Graph) -> Graph:
    branching = [spec.produces for spec in graph.builders if len(spec.produces) > 1]
    keys = draw(st.sampled_from([*branching, tuple(graph.data)]))
    one, other = draw(st.lists(st.sampled_from(keys), min_size=2, max_size=2, unique=True))
    return attrs.evolve(graph, data={**graph.data, one: attrs.evolve(graph.data[one], bases=(other,))})


def _declare_more(draw: st.DrawFn, graph: Graph) -> Graph:
    free = [key for key in graph.data if key not in graph.inputs]
    return attrs.evolve(graph, inputs=(*graph.inputs, draw(st.sampled_from(free))))


def _want_more(draw: st.DrawFn, graph: Graph) -> Graph:
    free = [key for key in graph.data if key not in graph.target]
    wanted = draw(st.sampled_from(free))
    graph = attrs.evolve(graph, target=(*graph.target, wanted))
    return _change(draw, graph, TAKES, (wanted,)) if draw(st.booleans()) else graph


# What a workflow may say besides.


def _close_a_loop(draw: st.DrawFn, graph: Graph) -> Graph:
    """Let a builder wait for what is made after it, and list that as an input."""
    later = draw(st.sampled_from([data for spec in graph.builders for data in spec.produces] or list(graph.target)))
    graph = _change(draw, graph, ("consumes", "optionals"), (later,))
    return attrs.evolve(graph, inputs=tuple(dict.fromkeys((*graph.inputs, later))))


def _feed_a_product(draw: st.DrawFn, graph: Graph) -> Graph:
    made = [data for spec in graph.builders for data in spec.produces if data not in graph.inputs]
    more = draw(st.sampled_from(made or list(graph.target)))
    return attrs.evolve(graph, inputs=tuple(dict.fromkeys((*graph.inputs, more))))


def _keep_briefly(draw: st.DrawFn, graph: Graph) -> Graph:
    keys = st.sampled_from([key for spec in graph.builders for key in spec.takes] or list(graph.data))
    anything = st.sampled_from(list(graph.data))
    chosen = draw(st.lists(draw(st.sampled_from((anything, keys))), min_size=1, max_size=2, unique=True))
    graph = attrs.evolve(graph, transient=tuple(chosen))
    if draw(st.booleans()):
        graph = _change(draw, graph, ("consumes", "consumes", "optionals"), tuple(chosen))
    return graph


def _answer_later(draw: st.DrawFn, graph: Graph) -> Graph:
    """Let a builder also need an input that comes later."""
    late = draw(st.sampled_from([key for key in KEYS if key not in graph.inputs]))
    made = {data for spec in graph.builders for data in spec.produces}
    inputs = (*graph.inputs, *([late] if late not in made else []))
    return _change(draw, attrs.evolve(graph, inputs=inputs), ("consumes",), (late,))


def _need_after_a_pause(draw: st.DrawFn, graph: Graph) -> Graph:
    """Let a builder need an input that comes later, and keep for one call only what it takes besides."""
    able = [at for at, spec in enumerate(graph.builders) if spec.consumes]
    late = next((key for key in reversed(KEYS) if key not in graph.inputs), None)
    if not able or late is None:
        return graph
    at = draw(st.sampled_from(able))
    spec = graph.builders[at]
    kept = draw(st.sampled_from((spec.consumes[0], spec.consumes[-1], graph.inputs[0] if graph.inputs else late)))
    for data in (late, kept):
        spec = spec if data in (*spec.takes, *spec.produces) else _with(spec, "consumes", data)
    graph = attrs.evolve(_with_builder(graph, at, spec), inputs=(*graph.inputs, late))
    return attrs.evolve(graph, transient=tuple(dict.fromkeys((*graph.transient, kept))))


def _keep_briefly_what_is_made_once(draw: st.DrawFn, graph: Graph) -> Graph:
    """Let some builders be called at most once, and keep for one call only a product of one of the builders."""
    builders = tuple(attrs.evolve(spec, at_most_once=draw(st.booleans())) for spec in graph.builders)
    kept = draw(st.sampled_from([data for spec in builders for data in spec.produces] or list(graph.target)))
    return attrs.evolve(graph, builders=builders, transient=tuple(dict.fromkeys((*graph.transient, kept))))


def _limit(draw: st.DrawFn, graph: Graph) -> Graph:
    times = st.sampled_from((None, None, 0.1, 0.2, 0.3, 1.0, 2.0, 2.5))
    builders = tuple(attrs.evolve(spec, timeout_s=draw(times)) for spec in graph.builders)
    limits = (0.1, 0.3, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 20.0)
    return attrs.evolve(graph, builders=builders, timeout_s=draw(st.sampled_from(limits)))


TERMS = (
    _close_a_loop,
    _feed_a_product,
    _keep_briefly,
    _answer_later,
    _need_after_a_pause,
    _need_after_a_pause,
    _keep_briefly_what_is_made_once,
    _limit,
    _limit,
    _limit,
)

SLIPS = (
    _forget,
    _take_anything,
    _wait_for_later,
    _make_more,
    _list_twice,
    _list_twice,
    _mistake_for_another,
    _misname_input,
    _write_badly,
    _subclass,
    _declare_more,
    _want_more,
)


@st.composite
def workflows(draw: st.DrawFn) -> Graph:
    """Draw a workflow of one to eight builders with at most 200 worlds that a user might have written."""
    flow = Sketch(list(KEYS[: draw(st.integers(1, 2))]))
    size = draw(st.sampled_from((1, 2, 3, 4, 4, 5, 5, 6, 6, 7, 7)))
    while len(flow.builders) < size and len(flow.fresh) > 3:
        draw(st.sampled_from(SHAPES))(draw, flow)
    for _ in range(draw(st.sampled_from((0, 0, 1, 2)))):
        _take_more(draw, flow)
    graph = _finished(draw, flow)
    terms = draw(st.sampled_from((0, 0, 0, 1, 1, 2, 2, 3)))
    for slip in [
        *(draw(st.sampled_from(TERMS)) for _ in range(terms)),
        *(
            draw(st.sampled_from(SLIPS))
            for _ in range(draw(st.sampled_from((0, 0, 1, 1, 2, 3) if not terms else (0, 0, 0, 1))))
        ),
    ]:
        changed = slip(draw, graph)
        graph = changed if changed.builders and _count_worlds(changed) <= MOST_WORLDS else graph
    graph = _listed(graph, draw(st.permutations(graph.builders[:MOST_BUILDERS])), apart=draw(st.booleans()))
    used = {
        *graph.target,
        *graph.inputs,
        *graph.transient,
        *(data for spec in graph.builders for data in spec.takes + spec.produces),
    }
    return attrs.evolve(graph, data={key: data for key, data in graph.data.items() if key in used})


def _listed(graph: Graph, builders: Sequence[BuilderSpec], *, apart: bool) -> Graph:
    """List builders in this order, each on its own line or all in one call, as the two front ends do."""
    lines = [at if apart else 1 for at in range(1, len(builders) + 1)]
    placed = (attrs.evolve(spec, listed=Place("flow.py", line)) for spec, line in zip(builders, lines))
    return attrs.evolve(graph, builders=tuple(placed))


def _finished(draw: st.DrawFn, flow: Sketch) -> Graph:
    ends = flow.loose_ends or flow.known[-1:]
    firsts = {spec.produces[0] for spec in flow.builders}
    target = draw(st.sampled_from((ends, ends, [data for data in ends if data in firsts] or ends, flow.known[-1:])))
    if draw(st.integers(0, 9)):
        taken = {data for spec in flow.builders for data in spec.takes}
        flow.inputs = [data for data in flow.inputs if data in taken]
    data = {
        key: DataSpec(key[4:], module=key[:3]) for letter in LETTERS for key in (f"app:{letter}", STRANGER + letter)
    }
    return Graph("flow", tuple(target), tuple(flow.inputs), tuple(flow.builders), data)


def _count_worlds(graph: Graph) -> int:
    count = 1
    for spec in graph.builders:
        count *= max(1, len(spec.produces))
    return count


def marks(diagnostics: Tuple[Diagnostic, ...]) -> List[Mark]:
    shown = {"dead-end": slice(None), "cycle": slice(0, -1, 2), "over-budget": slice(0, None, 2)}
    return [(d.code, d.subject, d.item, d.path[shown.get(d.code, slice(0))]) for d in diagnostics]


# --- against the brute force -----------------------------------------------------------------------------------------


@thorough
@given(workflows())
def test_the_analyzer_finds_what_the_brute_force_finds(graph: Graph) -> None:
    wanted = expected(graph)
    for finding in wanted or [None]:
        event("clean" if finding is None else next(iter(finding))[0])
    assert disagreement(marks(analyze(graph)), wanted) == ""


@pytest.mark.parametrize("title", HAND_MADE)
def test_the_analyzer_gives_the_answer_that_was_worked_out_by_hand(title: str) -> None:
    graph, _ = HAND_MADE[title]
    assert disagreement(marks(analyze(graph)), expected(graph)) == ""


SHARES = {
    "clean": 0.2,
    "missing-data": 0.05,
    "no-producer": 0.03,
    "unreachable-target": 0.01,
    "dead-end": 0.05,
    "dead-end of several choices": 0.01,
    "unreachable-builder": 0.005,
    "ambiguous-producer": 0.05,
    "cycle": 0.03,
    "unused-input": 0.03,
    "duplicate-builder": 0.02,
    "name-clash": 0.03,
    "bad-builder": 0.03,
    "bad-transient": 0.01,
    "transient-needed-later": 0.02,
    "over-budget": 0.03,
}
"""The least share of random graphs with each code, and of those that are clean."""


def test_random_graphs_have_every_code_in_a_decent_share() -> None:
    counts: Counter[str] = collections.Counter()

    @settings(thorough, max_examples=1000, derandomize=True, database=None)
    @given(workflows())
    def count(graph: Graph) -> None:
        findings = [next(iter(finding)) for finding in expected(graph)]
        kinds = {code + " of several choices" * (code == "dead-end" and len(shown) > 2) for code, *_, shown in findings}
        counts.update(kinds or {"clean"})
        counts["drawn"] += 1

    count()
    assert [(code, counts[code]) for code, share in SHARES.items() if counts[code] < share * counts["drawn"]] == []


@settings(thorough, max_examples=EXAMPLES // 15)
@given(workflows())
def test_that_all_inputs_come_but_one_stands_for_every_way_to_feed_them_in_two_calls(graph: Graph) -> None:
    made = {data for spec in graph.builders for data in spec.produces}
    assume(not made.intersection(graph.inputs))
    codes = {code for finding in expected(graph) for code, *_ in finding}
    assume(graph.transient and codes <= {"transient-needed-later", "unused-input", "over-budget"})
    case = case_of(graph)
    hops = hops_of(case)
    some = [set(fed) for size in range(len(graph.inputs)) for fed in combinations(graph.inputs, size)]
    for data in graph.transient:
        for at, spec in case.sound:
            if data in spec.waits_for:
                told = any(lost(case, hops, data, at, fed) for fed in first_calls(case))
                assert told == any(lost(case, hops, data, at, fed) for fed in some)


# --- without the brute force -----------------------------------------------------------------------------------------

words = st.sampled_from(["", "app:A", "app:B", "app:C", "app:D", "old:A", "nowhere"])
some_words = st.lists(words, max_size=3).map(tuple)
any_builder = st.builds(
    BuilderSpec,
    st.sampled_from(["", "a", "b", "c"]),
    consumes=some_words,
    optionals=some_words,
    accesses=some_words,
    produces=some_words,
    maybe=st.booleans(),
    flaw=st.sampled_from([None, None, Flaw(""), Flaw("cannot be read", "write it")]),
    reads_known=st.booleans(),
    product_known=st.booleans(),
    timeout_s=st.sampled_from([None, 0.1, 3.0, 1e300]),
    at_most_once=st.booleans(),
)
any_data = st.builds(DataSpec, st.sampled_from(["", "A", "B"]), st.sampled_from(["", "app"]), bases=some_words)
any_flaw = st.tuples(
    st.sampled_from(["target", "inputs", "builders", "name", "transient"]), words, st.just(Flaw("is not data"))
)
any_graph = st.builds(
    Graph,
    st.sampled_from(["", "flow"]),
    some_words,
    some_words,
    st.lists(any_builder, max_size=6).map(tuple),
    st.dictionaries(words, any_data, max_size=6),
    flaws=st.lists(any_flaw, max_size=2).map(tuple),
    transient=some_words,
    timeout_s=st.sampled_from([None, 0.1, 3.0, 1e-300]),
)


@quick
@given(any_graph)
@example(Graph("", (), (), (), {}))
@example(Graph("", ("A",), (), (BuilderSpec("a", produces=("A", "A")),), {}))
def test_the_analyzer_never_raises_and_says_the_same_again(graph: Graph) -> None:
    assert analyze(graph) == analyze(graph)


@quick
@given(workflows())
def test_the_order_of_the_data_changes_nothing(graph: Graph) -> None:
    assert analyze(attrs.evolve(graph, data=dict(reversed(list(graph.data.items()))))) == analyze(graph)


@quick
@given(workflows())
def test_every_diagnostic_has_a_sentence_and_a_help_in_the_names_of_the_user(graph: Graph) -> None:
    for diagnostic in analyze(graph):
        assert diagnostic.message
        assert diagnostic.help or diagnostic.code == "bad-builder"
        told = " ".join([diagnostic.subject, diagnostic.message, diagnostic.help, *diagnostic.path])
        assert "app:" not in told
        assert STRANGER not in told


def _turned(graph: Graph) -> Counter[Tuple[str, str]]:
    """Count codes and subjects; of a loop and of choices that fail together, another member may be listed first."""
    found = analyze(graph)
    return collections.Counter((d.code, "" if d.code in ("cycle", "dead-end") else d.subject) for d in found)


@quick
@given(workflows(), st.randoms(use_true_random=False))
def test_the_order_of_the_builders_changes_no_verdict(graph: Graph, random: Random) -> None:
    builders = list(graph.builders)
    random.shuffle(builders)
    assert _turned(attrs.evolve(graph, builders=tuple(builders))) == _turned(graph)


def test_the_order_of_diagnostics_is_the_same_in_every_process() -> None:
    script = (
        "from polaris_dsl._analyze import analyze\n"
        "from tests.test_oracle_itself import HAND_MADE\n"
        "for graph, _ in HAND_MADE.values(): print(analyze(graph))"
    )
    path = os.pathsep.join(filter(None, [str(pathlib.Path(__file__).parent.parent), *sys.path]))
    told = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": seed},
            check=True,
            stdout=subprocess.PIPE,
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(told) == 1
    assert b"dead-end" in told.pop()


@pytest.mark.parametrize(
    ("argument", "code"),
    [("target", "bad-target"), ("inputs", "bad-input"), ("name", "bad-name"), ("transient", "bad-transient")],
)
def test_what_cannot_be_read_of_an_argument_is_told_there(argument: Argument, code: str) -> None:
    graph = sketch("In -> Done", "a: In -> Done")
    flawed = attrs.evolve(graph, flaws=((argument, "str", Flaw("str is not data", "write a class")),))
    assert marks(analyze(flawed)) == [(code, "str", argument, ())]


def test_a_target_that_cannot_be_read_silences_what_it_might_have_been() -> None:
    graph = sketch(" -> ", "pick: -> A | B", "a: A -> C")
    flawed = attrs.evolve(graph, flaws=(("target", "str", Flaw("str is not data", "write a class")),))
    assert marks(analyze(flawed)) == [("bad-target", "str", "target", ())]


# --- large graphs ----------------------------------------------------------------------------------------------------


def _long_chain(length: int) -> List[str]:
    return [f"b{at}: D{at} -> D{at + 1}" for at in range(length)]


def _wide(count: int) -> List[str]:
    """Branch and merge `count` times side by side, then join all: 2 ** count worlds."""
    lines = ["join: " + " ".join(f"M{at}" for at in range(count)) + " -> Done"]
    for at in range(count):
        lines += [f"pick{at}: In -> A{at} | B{at}", f"a{at}: A{at} -> M{at}", f"b{at}: B{at} -> M{at}"]
    return lines


@pytest.mark.parametrize("lines", [_long_chain(10_000), _long_chain(10_000)[::-1]], ids=["in order", "backwards"])
def test_a_chain_of_ten_thousand_builders_is_analyzed(lines: List[str]) -> None:
    assert analyze(sketch("D0 -> D10000", *lines)) == ()


def test_a_forgotten_builder_in_a_chain_of_ten_thousand_is_one_diagnostic() -> None:
    lines = _long_chain(10_000)
    del lines[5_000]
    assert marks(analyze(sketch("D0 -> D10000", *lines))) == [("missing-data", "D5001", 5_000, ())]


def test_a_loop_of_a_thousand_builders_is_one_diagnostic() -> None:
    found = marks(analyze(sketch("D0 -> D1000", "back: D0 D1000 -> D1", *_long_chain(1_000)[1:])))
    assert [mark[:3] for mark in found] == [("cycle", "back", 0)]
    assert len(found[0][3]) == 1_000


def test_more_than_ten_thousand_worlds_are_analyzed() -> None:
    assert analyze(sketch("In -> Done", *_wide(14))) == ()


def test_a_choice_that_fails_by_itself_is_found_among_more_than_ten_thousand_worlds() -> None:
    lines = [line for line in _wide(14) if not line.startswith("b7: ")]
    assert marks(analyze(sketch("In -> Done", *lines))) == [("dead-end", "pick7", 22, ("pick7", "B7"))]
