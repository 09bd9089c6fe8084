"""The catalogue of codes; a module of its own, for mypy wants them in every run, and little else in most."""

from __future__ import annotations

from typing import Mapping

from typing_extensions import Literal

Code = Literal[
    "bad-name",
    "bad-target",
    "bad-input",
    "bad-transient",
    "bad-builder",
    "duplicate-builder",
    "name-clash",
    "missing-data",
    "no-producer",
    "cycle",
    "ambiguous-producer",
    "unreachable-target",
    "dead-end",
    "unreachable-builder",
    "transient-needed-later",
    "over-budget",
    "unused-input",
]
"""The codes, in the order in which diagnostics are told: causes before consequences."""

CATALOGUE: Mapping[Code, str] = {
    "bad-name": "the name of the workflow cannot be a directory",
    "bad-target": "the target is not data",
    "bad-input": "an input is not data",
    "bad-transient": "what is transient is no data of the workflow, is its target, or is made at most once",
    "bad-builder": "a signature that cannot be read",
    "duplicate-builder": "the same builder, or two of one name, listed twice",
    "name-clash": "two data of one name",
    "missing-data": "a data is taken that is neither an input nor produced by any listed builder",
    "no-producer": "no listed builder produces the target",
    "cycle": "builders wait for each other, and no input is on the loop",
    "ambiguous-producer": "in some world two builders can both produce the same data",
    "unreachable-target": "in no world is the target available",
    "dead-end": "a choice after which the target can never be available",
    "unreachable-builder": "in no world are the builder's consumes all available",
    "transient-needed-later": "a builder may run only in a later call than the one that a transient data lives in",
    "over-budget": "a workflow has less time than the builders on the way to its target may take",
    "unused-input": "no builder takes an input",
}
"""What each code means, in half a sentence."""
