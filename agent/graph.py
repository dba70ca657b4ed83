"""The map of the product: what happens to a turn, from the contact's words to the reply."""

from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from agent.nodes import Nodes
from agent.options import Options
from agent.services import Services
from agent.state import State, TurnInput, tracked

Graph = CompiledStateGraph[Any, Options, Any, Any]


def build_graph(
    services: Services,
    *,
    checkpointer: BaseCheckpointSaver[str] | None = None,
    track_scratch: bool = False,
) -> Graph:
    """Wire the nodes; `track_scratch` keeps the turn's scratch for Studio's replays."""
    nodes = Nodes(services)
    state, turn = (tracked(State), tracked(TurnInput)) if track_scratch else (State, TurnInput)
    graph: StateGraph[Any, Options, Any, Any] = StateGraph(
        state, context_schema=Options, input_schema=turn
    )

    # Hear
    graph.add_node(nodes.receive)
    graph.add_node(nodes.transcribe)
    graph.add_node(nodes.decline_recording)
    graph.add_node(nodes.decline_kind)
    graph.add_node(nodes.ask_to_repeat)
    # Understand
    graph.add_node(nodes.understand)
    # Retrieve
    graph.add_node(nodes.retrieve)
    # Generate
    graph.add_node(nodes.generate)
    graph.add_node(nodes.converse)
    graph.add_node(nodes.abstain)
    graph.add_node(nodes.admit_no_documents)
    # Guard
    graph.add_node(nodes.guard)
    graph.add_node(nodes.open_late)
    graph.add_node(nodes.remember)
    # Speak
    graph.add_node(nodes.speak)

    graph.add_edge(START, "receive")
    graph.add_conditional_edges("receive", nodes.route_received)
    graph.add_conditional_edges("transcribe", nodes.route_heard)
    graph.add_conditional_edges("understand", nodes.route_understood)
    graph.add_conditional_edges("retrieve", nodes.route_found)
    graph.add_conditional_edges("generate", nodes.route_answered)
    for said in ("converse", "abstain", "admit_no_documents"):
        graph.add_edge(said, "guard")
    for declined in ("decline_recording", "decline_kind", "ask_to_repeat"):
        graph.add_edge(declined, "guard")
    graph.add_conditional_edges("guard", nodes.route_guarded)
    graph.add_edge("open_late", "remember")
    graph.add_conditional_edges("remember", nodes.route_remembered, ["speak", END])
    graph.add_edge("speak", END)

    return graph.compile(checkpointer=checkpointer, name="clone")
