"""LangGraph: a state graph with one channel for each data; what can run together does so in threads."""

from __future__ import annotations

from typing import Any, Callable, Dict, TypedDict

from graphs import Part, Written
from langgraph.graph import START, StateGraph
from rivals.serve import serve

CONFIG = {"max_concurrency": 16, "recursion_limit": 10_000}

Values = Dict[str, Any]


def node_of(part: Part, function: Callable[..., object]) -> Callable[[Values], Values]:
    return lambda state: {part.makes: function(*[state[name] for name in part.takes])}


def define(of: Written) -> Callable[..., object]:
    inputs, target = of.graph.inputs, of.graph.target
    graph = StateGraph(TypedDict("Data", dict.fromkeys((*inputs, *(part.makes for part in of.graph.parts)), Any)))
    for part in of.graph.parts:
        # A channel and what fills it may not share a name.
        graph.add_node(f"make_{part.makes}", node_of(part, of.function(part.makes)))
        before = [f"make_{name}" for name in part.takes if name not in inputs]
        if before:
            graph.add_edge(before, f"make_{part.makes}")
        else:
            graph.add_edge(START, f"make_{part.makes}")
    compiled = graph.compile()
    return lambda *data: compiled.invoke(dict(zip(inputs, data)), CONFIG)[target]


if __name__ == "__main__":
    serve(define)
