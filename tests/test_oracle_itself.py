"""The brute force, on graphs whose answer was worked out by hand."""

from __future__ import annotations

import itertools
from typing import Dict, Tuple

import attrs
import pytest

from polaris_dsl._graph import BuilderSpec, DataSpec, Flaw, Graph, Place
from tests.oracle_worlds import Mark, disagreement, expected, told_finding


def sketch(ends: str, /, *lines: str) -> Graph:
    """Make a graph from `inputs -> target` and a line for each builder.

    A line is `name: takes -> alternatives`. What it takes is `A` consumed, `A?` optional or `~A` accessed; `?` alone
    says that there is more, unknown. `name!` has a flaw. `old:A` is another data with the name of `A`.
    """
    keys: Dict[str, DataSpec] = {}

    def key(word: str) -> str:
        module, _, name = word.rpartition(":")
        full = f"{module or 'app'}:{name}"
        keys[full] = DataSpec(name=name, module=module or "app")
        return full

    def line_to_spec(line: str) -> BuilderSpec:
        name, _, signature = line.partition(": ")
        takes, makes = (side.replace("|", " ").split() for side in signature.split("->"))
        flawed = name.endswith("!") or "?" in takes + makes
        return BuilderSpec(
            name=name.rstrip("!"),
            consumes=tuple(key(word) for word in takes if "?" not in word and "~" not in word),
            optionals=tuple(key(word[:-1]) for word in takes if word.endswith("?") and word != "?"),
            accesses=tuple(key(word[1:]) for word in takes if word.startswith("~")),
            produces=tuple(key(word) for word in makes if word != "?"),
            flaw=Flaw("cannot be read") if flawed else None,
            reads_known="?" not in takes,
            product_known="?" not in makes,
        )

    inputs, target = (side.replace("|", " ").split() for side in ends.split("->"))
    specs = tuple(map(line_to_spec, lines))
    return Graph("flow", tuple(map(key, target)), tuple(map(key, inputs)), specs, keys)


def with_terms(graph: Graph, /, *, transient: str = "", once: str = "", **times: float) -> Graph:
    """Say what is transient, what is called at most once, and how long builders and the whole (`flow`) may take."""
    builders = tuple(
        attrs.evolve(spec, timeout_s=times.get(spec.name), at_most_once=spec.name in once.split())
        for spec in graph.builders
    )
    brief = tuple(f"app:{name}" for name in transient.split())
    data = {**{key: DataSpec(key[4:], "app") for key in brief}, **graph.data}
    return attrs.evolve(graph, builders=builders, data=data, transient=brief, timeout_s=times.get("flow"))


PICK_BOTH = ("pick: In -> A | B", "both: A B -> Both")
PAY = ("pay: Req Cvv -> Sent",)
SEAL = ("seal: Card -> Sealed", "tokenize: Sealed -> Token")
EITHER = ("pick: In -> A | B", "a: A -> Done", "b: B -> Done")
TWO_COINS = ("x: In -> X1 | X2", "y: In -> Y1 | Y2")

HAND_MADE: Dict[str, Tuple[Graph, str]] = {
    "a chain": (sketch("In -> Done", "a: In -> A", "b: A -> Done"), ""),
    "a chain listed backwards": (sketch("In -> Done", "b: A -> Done", "a: In -> A"), ""),
    "a chain that begins with nothing": (sketch(" -> Done", "a: -> A", "b: A -> Done"), ""),
    "a builder that goes on after the target": (sketch("In -> Done", "a: In -> Done", "invoice: Done -> Bill"), ""),
    "a branch that comes together again": (sketch("In -> Done", *EITHER), ""),
    "a branch whose ends are both wanted": (sketch("In -> Paid | Declined", "a: In -> Paid | Declined"), ""),
    # missing-data
    "missing, consumed": (sketch("In -> Done", "a: In A -> Done"), "missing-data A @0"),
    "missing, optional": (sketch("In -> Done", "a: In A? -> Done"), "missing-data A @0"),
    "missing, accessed": (sketch("In -> Done", "a: In ~A -> Done"), "missing-data A @0"),
    "missing, at its first taker only, and no consequences": (
        sketch("In More -> Done", "a: In -> A", "b: A Lost -> B", "c: B Lost? -> Done"),
        "missing-data Lost @1",
    ),
    "made under a like name of another module": (
        sketch("In -> Done", "a: In -> old:A", "b: A -> Done"),
        "missing-data A @1",
    ),
    # no-producer
    "a target that nobody makes": (sketch("In -> Done", "a: In -> A"), "no-producer Done @target"),
    "an alternative that nobody makes, also consumed": (
        sketch("In More -> Done | No", "a: In No -> Done"),
        "no-producer No @target",
    ),
    "an alternative that nobody makes, and a builder that it would set off": (
        sketch("In -> Done | No", "a: In -> Done", "side: No -> Side"),
        "no-producer No @target",
    ),
    "an alternative that nobody makes, and one behind both alternatives at once": (
        sketch("In -> Both | No", *PICK_BOTH),
        "no-producer No @target",
    ),
    "an alternative that nobody makes, and a choice that leads nowhere": (
        sketch("In -> Done | No", *EITHER[:2]),
        "no-producer No @target",
    ),
    "a target that is an input": (sketch("In Done -> Done", "a: In -> A"), "no-producer Done @target"),
    "a target that is an input and made": (
        sketch("In Done -> Done", "a: In -> Done", "b: Done -> Bill"),
        "",
    ),
    # unreachable-target
    "a target behind both alternatives at once": (
        sketch("In -> Both", *PICK_BOTH),
        "unreachable-target Both @target",
    ),
    "two targets behind both alternatives at once": (
        sketch("In -> Both | End", *PICK_BOTH, "end: A B -> End"),
        "unreachable-target Both | End @target",
    ),
    "one target of two behind both alternatives at once": (
        sketch("In -> Both | End", *PICK_BOTH, "end: In -> End"),
        "",
    ),
    "a target behind both alternatives at once, with one as an input": (
        sketch("In B -> Both", *PICK_BOTH),
        "dead-end pick @0 by pick B",
    ),
    # dead-end
    "an alternative that leads nowhere": (
        sketch("In -> Done", "pick: In -> A | B", "a: A -> Done"),
        "dead-end pick @0 by pick B",
    ),
    "an alternative that leads nowhere and then branches": (
        sketch("In -> Done", "pick: In -> A | B", "a: A -> Done", "deep: B -> C | D"),
        "dead-end pick @0 by pick B",
    ),
    "two alternatives of three that lead nowhere": (
        sketch("In -> Done", "pick: In -> A | B | C", "a: A -> Done"),
        "dead-end pick @0 by pick B, dead-end pick @0 by pick C",
    ),
    "two builders that each may lead nowhere": (
        sketch("In -> Done", *TWO_COINS, "end: X1 Y1 -> Done"),
        "dead-end x @0 by x X2, dead-end y @1 by y Y2",
    ),
    "a dead end, and another one behind its good alternative": (
        sketch("In -> Done", "pick: In -> A | B", "deep: A -> C | D", "end: C -> Done"),
        "dead-end deep @1 by deep D, dead-end pick @0 by pick B",
    ),
    "only two choices together lead nowhere": (
        sketch("In -> Done | Other", *TWO_COINS, "end: X1 -> Done", "other: Y1 -> Other"),
        "dead-end x @0 by x X2 y Y2",
    ),
    "only two choices together lead nowhere, and a choice behind them": (
        sketch("In -> Done | Other", "b: X2 Y2 -> P | Q", *TWO_COINS, "end: X1 -> Done", "other: Y1 -> Other"),
        "dead-end x @1 by x X2 y Y2",
    ),
    "two pairs of choices lead nowhere together": (
        sketch(
            "In -> P1 | P2 | P3 | P4",
            "w: In -> W1 | W2",
            "x: In -> X1 | X2",
            "y: In -> Y1 | Y2",
            "z: In -> Z1 | Z2",
            "c: W1 Y1 -> P1",
            "d: W1 Z1 -> P2",
            "e: X1 Y1 -> P3",
            "f: X1 Z1 -> P4",
        ),
        "dead-end w @0 by w W2 x X2 or dead-end y @2 by y Y2 z Z2",
    ),
    "a builder that may return nothing": (
        attrs.evolve(
            sketch("In -> Done"),
            builders=(BuilderSpec("a", consumes=("app:In",), produces=("app:Done",), maybe=True),),
        ),
        "",
    ),
    # unreachable-builder
    "a builder behind both alternatives at once": (
        sketch("In -> Done", *EITHER, "both: A B -> Both"),
        "unreachable-builder both @3",
    ),
    "only the first of two such builders in a row": (
        sketch("In -> Done", "later: Both -> Later", *EITHER, "both: A B -> Both"),
        "unreachable-builder both @4",
    ),
    "a builder behind both alternatives at once that leads to a target made otherwise": (
        sketch("In -> Done", *EITHER, "both: A B -> Done"),
        "",
    ),
    "a builder behind such a one, itself not on the way": (
        sketch("In -> Done", *EITHER, "both: A B -> Both", "end: Both -> Done", "side: Both -> Side"),
        "unreachable-builder side @5",
    ),
    "a builder behind an unreachable target": (
        sketch("In -> Both", *PICK_BOTH, "invoice: Both -> Bill"),
        "unreachable-target Both @target",
    ),
    "an unreachable builder beside an unreachable target": (
        sketch("In -> Both", *PICK_BOTH, "side: A B -> Side"),
        "unreachable-builder side @2, unreachable-target Both @target",
    ),
    "a builder that leads there by an optional only": (
        sketch("In -> Done", *EITHER[:2], "b: B Both? -> Done", "both: A B -> Both"),
        "unreachable-builder both @3",
    ),
    "a builder behind an absent optional": (sketch("In -> Done", *EITHER, "both: A B? -> Both"), ""),
    # ambiguous-producer
    "two that make one data": (sketch("In -> Done", "a: In -> Done", "b: In -> Done"), "ambiguous-producer Done @1"),
    "three that make one data": (
        sketch("In -> Done", "a: In -> Done", "b: In -> Done", "c: In -> Done"),
        "ambiguous-producer Done @1",
    ),
    "two that make one data, never both": (sketch("In -> Done", *EITHER), ""),
    "two that make one data, both in one world of four": (
        sketch("In -> Done | X2 | Y2", *TWO_COINS, "a: X1 -> Done", "b: Y1 -> Done"),
        "ambiguous-producer Done @3",
    ),
    "an alternative that another also makes": (
        sketch("In -> Done | B", "a: In -> Done | B", "b: In -> B"),
        "ambiguous-producer B @1",
    ),
    "an input that is also made": (sketch("In A -> Done", "a: In -> A", "b: A -> Done"), ""),
    # cycle
    "two that wait for each other": (
        sketch("In -> Done", "c: B -> Done", "a: In B -> A", "b: A -> B"),
        "cycle a @1 by a b",
    ),
    "two that wait for each other by an optional": (
        sketch("In -> Done", "a: In B? -> Done", "b: Done -> B"),
        "cycle a @0 by a b",
    ),
    "two that access each other": (sketch("In -> Done", "a: In ~B -> Done", "b: Done -> B"), ""),
    "one that has its own product as an optional": (sketch("In -> Done", "a: In Done? -> Done"), "cycle a @0 by a"),
    "the shorter of two loops": (
        sketch("In -> Done", "a: In C -> A", "b: A E -> B", "c: B -> C", "e: B -> E", "end: C -> Done"),
        "cycle b @1 by b e",
    ),
    "either of two loops that are as short": (
        sketch("In -> Done", "a: In B? -> A", "b: A C? -> B", "c: B -> C", "end: C -> Done"),
        "cycle a @0 by a b or cycle b @1 by b c",
    ),
    "two groups, and nothing of what follows": (
        sketch("In -> Done", "a: In B -> A", "b: A -> B", "c: A D -> C", "d: C -> D | No", "end: D -> Done"),
        "cycle a @0 by a b, cycle c @2 by c d",
    ),
    # unused-input
    "an input that nobody takes": (sketch("In More -> Done", "a: In -> Done"), "unused-input More @inputs"),
    "an input that is only accessed": (sketch("In More -> Done", "a: In ~More -> Done"), ""),
    "an input that only a bad builder takes": (
        sketch("In More -> Done", "a: In -> Done", "b!: More -> B"),
        "bad-builder b @1",
    ),
    # duplicate-builder
    "one builder listed twice": (
        sketch("In -> Done", "a: In -> Done", "a: In -> Done"),
        "duplicate-builder a @1",
    ),
    "one builder listed three times": (
        sketch("In -> Done", "a: In -> Done", "a: In -> Done", "a: In -> Done"),
        "duplicate-builder a @1, duplicate-builder a @2",
    ),
    "two builders of one name": (
        sketch("In -> Done", "a: In -> A", "a: A Lost -> Done"),
        "duplicate-builder a @1, missing-data Lost @1",
    ),
    # name-clash
    "two data of one name": (
        sketch("In old:In -> Done", "a: In old:In -> Done"),
        "name-clash In @0 or name-clash In @builders or name-clash In @inputs",
    ),
    "two data of one name, one of them missing": (
        sketch("In -> Done", "a: In old:In -> Done"),
        "missing-data In @0",
    ),
    "two data of one name, one of them a target that nobody makes": (
        sketch("In -> Done", "a: In -> old:Done"),
        "no-producer Done @target",
    ),
    # bad-builder
    "a flaw that hides nothing": (
        sketch("In More -> Done", "a!: In Lost -> A", "b: A -> Done"),
        "bad-builder a @0, unused-input More @inputs",
    ),
    "a flaw that hides the product": (
        sketch("In More -> Done", "a: In -> ?", "b: A -> B"),
        "bad-builder a @0",
    ),
    "a flaw that hides the product, and an input that nobody takes": (
        sketch("In More -> Done", "a: In -> ?", "b: In -> Done"),
        "bad-builder a @0, unused-input More @inputs",
    ),
    "a flaw that hides what is taken": (
        sketch("In More -> Done", "a: ? -> Done", "b: Lost -> B"),
        "bad-builder a @0, missing-data Lost @1",
    ),
    "a flaw that hides the product, and a target that is never reached": (
        sketch("In -> Both", *PICK_BOTH, "c: In -> ?"),
        "bad-builder c @2",
    ),
    "a flaw that hides the product, and a choice that leads nowhere": (
        sketch("In -> Done", *EITHER[:2], "c: In -> ?"),
        "bad-builder c @2",
    ),
    "a flaw that hides the product, and a builder that never runs": (
        sketch("In -> Done", *EITHER, "both: A B -> Both", "c: In -> ?"),
        "bad-builder c @4",
    ),
    "a flaw that hides what is taken, and an input that nobody takes": (
        sketch("In More -> Done", "a: In -> Done", "b: ? -> B"),
        "bad-builder b @1",
    ),
    "one that consumes its own product": (sketch("In -> Done", "a: In Done -> Done"), "bad-builder a @0"),
    "a loop through an input": (
        sketch("In Ship -> Total", "a: In Ship -> Total", "b: Total -> Ship"),
        "",
    ),
    "a loop through an input, and one within it that has none": (
        sketch("In Ship -> Total", "a: In Ship Tip? -> Total", "b: Total -> Ship", "c: Total -> Tip"),
        "cycle a @0 by a c",
    ),
    "one that consumes its own product, which is an input": (sketch("In Done -> Done", "a: In Done -> Done"), ""),
    "one that has its own product as an optional, which is an input": (
        sketch("In Done -> Done", "a: In Done? -> Done"),
        "",
    ),
    # transient data
    "a transient data that is nowhere": (
        with_terms(sketch("In -> Done", "a: In -> Done"), transient="Lost In"),
        "bad-transient Lost @transient",
    ),
    "a transient target": (
        with_terms(sketch("In -> Done", "a: In -> Done"), transient="Done"),
        "bad-transient Done @transient",
    ),
    "a transient product that is made at most once": (
        with_terms(sketch("Card Otp -> Paid", *SEAL, "end: Token Otp -> Paid"), transient="Sealed Card", once="seal"),
        "bad-transient Sealed @transient",
    ),
    "a transient product, and another that is made at most once": (
        with_terms(
            sketch("Card Otp -> Paid", *SEAL, "end: Token Otp -> Paid"), transient="Sealed", once="tokenize end"
        ),
        "",
    ),
    "a transient product that two make at most once": (
        with_terms(
            sketch("In -> Paid", "pick: In -> A | B", "a: A -> X", "b: B -> X", "end: X -> Paid"),
            transient="X",
            once="a b",
        ),
        "bad-transient X @transient, bad-transient X @transient",
    ),
    "two transient alternatives of one that is called at most once": (
        with_terms(sketch("In -> Done", *EITHER), transient="A B", once="pick"),
        "bad-transient A @transient, bad-transient B @transient",
    ),
    "a transient input that is also made at most once": (
        with_terms(sketch("In X -> Done", "a: In -> X", "b: X -> Done"), transient="X", once="a"),
        "bad-transient X @transient",
    ),
    "a transient target that is made at most once": (
        with_terms(sketch("In -> Done", "a: In -> Done"), transient="Done", once="a"),
        "bad-transient Done @transient",
    ),
    "a transient product that a bad builder makes at most once": (
        with_terms(sketch("In -> Done", "a!: In -> A", "b: A -> Done"), transient="A", once="a"),
        "bad-builder a @0",
    ),
    "a transient product that is needed later and made at most once": (
        with_terms(sketch("Card Otp -> Paid", *SEAL, "end: Token Otp Sealed -> Paid"), transient="Sealed", once="seal"),
        "bad-transient Sealed @transient, transient-needed-later Sealed @2",
    ),
    "a transient data that is missing": (
        with_terms(sketch("In -> Done", "a: In Lost -> Done"), transient="Lost"),
        "missing-data Lost @0",
    ),
    "a transient input that is taken before the pause": (
        with_terms(sketch("Req Cvv Otp -> Paid", *PAY, "verify: Sent Otp -> Paid"), transient="Cvv"),
        "",
    ),
    "a transient input that is taken before the pause and after it": (
        with_terms(sketch("Req Cvv Otp -> Paid", *PAY, "verify: Sent Otp Cvv -> Paid"), transient="Cvv"),
        "transient-needed-later Cvv @1",
    ),
    "a transient input that is an optional after the pause": (
        with_terms(sketch("Req Cvv Otp -> Paid", *PAY, "verify: Sent Otp Cvv? -> Paid"), transient="Cvv"),
        "transient-needed-later Cvv @1",
    ),
    "a transient input that is only seen after the pause": (
        with_terms(sketch("Req Cvv Otp -> Paid", *PAY, "verify: Sent Otp ~Cvv -> Paid"), transient="Cvv"),
        "",
    ),
    "a transient input that is only taken after the pause can be fed then": (
        with_terms(sketch("Req Cvv Otp -> Paid", "pay: Req -> Sent", "verify: Sent Otp Cvv -> Paid"), transient="Cvv"),
        "",
    ),
    "a transient input whose takers do not lead to each other": (
        with_terms(sketch("Req Cvv Otp -> Paid", "pay: Req Otp Cvv -> Paid", "score: Cvv -> Risk"), transient="Cvv"),
        "",
    ),
    "a pause far before the second taker": (
        with_terms(
            sketch("Req Cvv Otp -> Paid", *PAY, "verify: Sent Otp -> Ok", "end: Ok Cvv -> Paid"), transient="Cvv"
        ),
        "transient-needed-later Cvv @2",
    ),
    "a transient product that is taken at once": (
        with_terms(sketch("Card Otp -> Paid", *SEAL, "end: Token Otp -> Paid"), transient="Sealed"),
        "",
    ),
    "a transient product that is taken after a pause": (
        with_terms(sketch("Card Otp -> Paid", *SEAL, "end: Token Otp Sealed -> Paid"), transient="Sealed"),
        "transient-needed-later Sealed @2",
    ),
    "a transient product, and a pause in one world only": (
        with_terms(
            sketch(
                "Card Otp -> Paid",
                *SEAL,
                "pick: Token -> Easy | Hard",
                "easy: Easy -> Ok",
                "ask: Hard Otp -> Ok",
                "end: Ok Sealed -> Paid",
            ),
            transient="Sealed",
        ),
        "transient-needed-later Sealed @5",
    ),
    "a transient product, and a pause in worlds without it": (
        with_terms(sketch("In Otp -> Paid", "pick: In -> A | B", "a: A -> Paid", "b: B Otp A? -> Paid"), transient="A"),
        "",
    ),
    "an input that may be made instead is not waited for": (
        with_terms(sketch("Card Token -> Paid", *SEAL, "end: Token Sealed -> Paid"), transient="Sealed"),
        "",
    ),
    "an input that is only made in one world": (
        with_terms(
            sketch("In Rate -> Paid", "a: In -> X", "pick: In -> Rate | Bill", "end: X Rate -> Paid"), transient="X"
        ),
        "transient-needed-later X @2",
    ),
    "an input that is made by one who comes later": (
        with_terms(sketch("In Rate -> Paid", "a: In -> X", "b: X Rate -> Paid", "c: In Paid? -> Rate"), transient="X"),
        "",
    ),
    # time limits
    "as much time as the builders have": (
        with_terms(sketch("In -> Done", "a: In -> A", "b: A -> Done"), a=0.1, b=0.2, flow=0.3),
        "",
    ),
    "less time than the builders have": (
        with_terms(sketch("In -> Done", "z: In -> Z", "a: Z -> A", "b: A -> Done"), a=0.1, b=0.2, flow=0.29),
        "over-budget flow @timeout_s by a b",
    ),
    "builders that do not lead to the target": (
        with_terms(sketch("In -> Done", "a: In -> Done", "bill: Done -> Bill"), bill=9, flow=1),
        "",
    ),
    "an optional that is waited for": (
        with_terms(sketch("In -> Done", "a: In -> A", "b: In A? -> Done"), a=2, b=2, flow=3),
        "over-budget flow @timeout_s by a b",
    ),
    "the slower of two worlds": (
        with_terms(sketch("In -> Done", *EITHER), pick=1, a=1, b=2, flow=2),
        "over-budget flow @timeout_s by pick b",
    ),
    "two builders that are never in one world": (
        with_terms(
            sketch("In -> Done", "pick: In -> A | B", "a: A -> S", "b: B S? -> Done", "c: A -> Done"), a=2, b=2, flow=3
        ),
        "",
    ),
    "a loop, round which each builder is counted once": (
        with_terms(sketch("In Ship -> Total", "a: In Ship -> Total", "b: Total -> Ship"), a=2, b=2, flow=1),
        "over-budget flow @timeout_s by a",
    ),
    "an input that is made by one who is not on the loop": (
        with_terms(
            sketch("In Rate Ship -> Total", "r: In -> Rate", "a: Rate Ship -> Total", "b: Total -> Ship"),
            r=2,
            a=2,
            flow=3,
        ),
        "over-budget flow @timeout_s by r a",
    ),
    "one that takes a data twice": (sketch("In -> Done", "a: In ~In -> Done"), "bad-builder a @0"),
    "a bad builder takes no part in an ambiguity": (
        sketch("In -> Done", "a: In -> Done", "b!: In -> Done"),
        "bad-builder b @1",
    ),
}


def answer(graph: Graph) -> str:
    return ", ".join(sorted(map(told_finding, expected(graph))))


@pytest.mark.parametrize("title", HAND_MADE)
def test_the_brute_force_gives_the_answer_that_was_worked_out_by_hand(title: str) -> None:
    graph, wanted = HAND_MADE[title]
    assert answer(graph) == wanted


@pytest.mark.parametrize("title", HAND_MADE)
def test_the_brute_force_does_not_depend_on_the_order_of_the_data(title: str) -> None:
    graph, wanted = HAND_MADE[title]
    turned = attrs.evolve(graph, data=dict(reversed(list(graph.data.items()))))
    assert answer(turned) == wanted


def test_alternatives_of_which_one_is_a_superclass_of_the_other_are_a_bad_builder() -> None:
    graph = sketch("In -> A | B", "pick: In -> A | B")
    related = {**graph.data, "app:B": DataSpec("B", "app", bases=("app:A",))}
    assert answer(attrs.evolve(graph, data=related)) == "bad-builder pick @0"
    unrelated = {**graph.data, "app:B": DataSpec("B", "app", bases=("app:In",))}
    assert answer(attrs.evolve(graph, data=unrelated)) == ""


def test_a_builder_listed_twice_is_the_same_wherever_its_diagnostics_are_put() -> None:
    graph = sketch("In -> Done", "a: In -> Done", "a: In -> Done")
    placed = tuple(
        attrs.evolve(spec, listed=Place("flow.py", line)) for line, spec in enumerate(graph.builders, start=1)
    )
    assert answer(attrs.evolve(graph, builders=placed)) == "duplicate-builder a @1"


def test_every_code_about_a_graph_has_a_hand_made_one() -> None:
    told = itertools.chain.from_iterable(wanted.split() for _, wanted in HAND_MADE.values())
    assert {word for word in told if "-" in word or word == "cycle"} == {
        "missing-data",
        "no-producer",
        "unreachable-target",
        "dead-end",
        "unreachable-builder",
        "ambiguous-producer",
        "cycle",
        "unused-input",
        "duplicate-builder",
        "name-clash",
        "bad-builder",
        "bad-transient",
        "transient-needed-later",
        "over-budget",
    }


def test_a_disagreement_says_what_is_lacking_and_what_is_too_much() -> None:
    graph, _ = HAND_MADE["two data of one name"]
    clash: Mark = ("name-clash", "In", 0, ())
    assert disagreement([clash], expected(graph)) == ""
    assert disagreement([("name-clash", "In", "inputs", ())], expected(graph)) == ""
    assert disagreement([], expected(graph)) == f"lacks {answer(graph)}"
    assert disagreement([clash, clash], expected(graph)) == "has name-clash In @0"
    assert disagreement([("cycle", "a", 0, ("a", "b"))], ()) == "has cycle a @0 by a b"
