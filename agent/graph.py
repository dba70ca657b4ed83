"""The map of the product: what happens to a turn, from the contact's words to the reply."""

from typing import Any

from langgraph.channels import LastValue, UntrackedValue
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from agent.nodes import Nodes
from agent.options import Options
from agent.routes import Routes
from agent.services import Services
from agent.state import State, TurnInput

Graph = CompiledStateGraph[Any, Options, Any, Any]


def build_graph(
    services: Services,
    *,
    checkpointer: BaseCheckpointSaver[str] | None = None,
    track_scratch: bool = False,
) -> Graph:
    """Compile the map; `track_scratch` keeps the turn's scratch for Studio's replays."""
    graph: StateGraph[Any, Options, Any, Any] = StateGraph(
        State, context_schema=Options, input_schema=TurnInput
    )
    _draw(graph, Nodes(services), Routes(services))
    if track_scratch:
        _track_scratch(graph)
    return graph.compile(checkpointer=checkpointer, name="clone")


def _draw(graph: StateGraph[Any, Options, Any, Any], nodes: Nodes, routes: Routes) -> None:
    # Hear
    graph.add_edge(START, "receive")
    graph.add_node(nodes.receive)
    graph.add_conditional_edges("receive", routes.after_receiving)
    graph.add_node(nodes.transcribe)
    graph.add_conditional_edges("transcribe", routes.after_hearing)
    # Understand
    graph.add_node(nodes.understand)
    graph.add_conditional_edges("understand", routes.after_understanding)
    # Retrieve
    graph.add_node(nodes.retrieve)
    graph.add_conditional_edges("retrieve", routes.after_retrieving)
    # Generate
    graph.add_node(nodes.generate)
    graph.add_conditional_edges("generate", routes.after_generating)
    graph.add_node(nodes.converse)
    graph.add_conditional_edges("converse", routes.after_conversing)
    # Guard
    graph.add_node(nodes.guard)
    graph.add_conditional_edges("guard", routes.after_guarding)
    # Or say a line of the persona, which needs no guard: the owner wrote it
    for line in (
        nodes.acknowledge,
        nodes.abstain,
        nodes.admit_no_documents,
        nodes.decline_recording,
        nodes.ask_to_repeat,
        nodes.decline_kind,
    ):
        graph.add_node(line)
        graph.add_edge(line.__name__, "remember")
    # Remember
    graph.add_node(nodes.remember)
    graph.add_conditional_edges("remember", routes.after_remembering)
    # Speak
    graph.add_node(nodes.open_late)
    graph.add_conditional_edges("open_late", routes.before_speaking)
    graph.add_node(nodes.speak)
    graph.set_finish_point("speak")


def _track_scratch(graph: StateGraph[Any, Options, Any, Any]) -> None:
    for name, channel in graph.channels.items():
        if isinstance(channel, UntrackedValue):
            graph.channels[name] = LastValue(channel.typ, name)
