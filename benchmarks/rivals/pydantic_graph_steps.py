"""pydantic-graph: steps one after the other, in an order that is spelled out, over a dict as their state."""

from __future__ import annotations

import asyncio
from typing import Awaitable, Callable, Dict

from graphs import Part, Written
from pydantic_graph import GraphBuilder, StepContext
from rivals.serve import serve

Values = Dict[str, object]


def step_of(part: Part, function: Callable[..., object]) -> Callable[..., Awaitable[None]]:
    async def call(context: StepContext[Values, None, None]) -> None:
        values = context.state
        values[part.makes] = function(*[values[name] for name in part.takes])

    return call


def define(of: Written) -> Callable[..., object]:
    builder = GraphBuilder(state_type=dict, output_type=type(None), auto_instrument=False)
    steps = [builder.step(step_of(part, of.function(part.makes)), node_id=part.makes) for part in of.graph.parts]
    stations = [builder.start_node, *steps, builder.end_node]
    for before, after in zip(stations, stations[1:]):
        builder.add_edge(before, after)
    graph = builder.build()
    inputs, target = of.graph.inputs, of.graph.target
    runner = asyncio.Runner()

    def run(*data: object) -> object:
        values: Values = dict(zip(inputs, data))
        runner.run(graph.run(state=values))
        return values[target]

    return run


if __name__ == "__main__":
    serve(define)
