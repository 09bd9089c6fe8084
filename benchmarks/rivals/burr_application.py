"""burr: a state machine whose order is spelled out, its graph built once and its application for each run."""

from __future__ import annotations

from typing import Callable

from burr.core import Action, ApplicationBuilder, State, action
from burr.core.graph import GraphBuilder
from graphs import Part, Written
from rivals.serve import serve


def action_of(part: Part, function: Callable[..., object]) -> Action:
    @action(reads=list(part.takes), writes=[part.makes])
    def act(state: State) -> State:
        return state.update(**{part.makes: function(*[state[name] for name in part.takes])})

    return act


def define(of: Written) -> Callable[..., object]:
    order = [part.makes for part in of.graph.parts]
    actions = {part.makes: action_of(part, of.function(part.makes)) for part in of.graph.parts}
    graph = GraphBuilder().with_actions(**actions).with_transitions(*zip(order, order[1:])).build()
    inputs, target = of.graph.inputs, of.graph.target

    def run(*data: object) -> object:
        builder = ApplicationBuilder().with_graph(graph).with_entrypoint(order[0])
        _, _, state = builder.with_state(**dict(zip(inputs, data))).build().run(halt_after=[target])
        return state[target]

    return run


if __name__ == "__main__":
    serve(define)
