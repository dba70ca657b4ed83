"""The map of the product: what happens to a turn, from the contact's words to the reply."""

from typing import Any

from langgraph.channels import LastValue, UntrackedValue
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from agent.hearing import Hearing
from agent.lines import FixedLines
from agent.nodes import Nodes
from agent.openings import Openings
from agent.options import Options
from agent.routes import Routes
from agent.services import Services
from agent.state import State, TurnInput

Drawing = StateGraph[Any, Options, Any, Any]
Graph = CompiledStateGraph[Any, Options, Any, Any]


def build_graph(
    services: Services,
    *,
    checkpointer: BaseCheckpointSaver[str] | None = None,
    track_scratch: bool = False,
) -> Graph:
    """Compile the map; `track_scratch` keeps the turn's scratch for Studio's replays."""
    graph: Drawing = StateGraph(State, context_schema=Options, input_schema=TurnInput)
    routes = Routes(services)
    _draw_answering(graph, Nodes(services), Hearing(services), routes)
    _draw_fixed_lines(graph, FixedLines(services))
    _draw_leaving(graph, Openings(services), routes)
    if track_scratch:
        _track_scratch(graph)
    return graph.compile(checkpointer=checkpointer, name="clone")


def _draw_answering(graph: Drawing, nodes: Nodes, hearing: Hearing, routes: Routes) -> None:
    # Hear
    graph.add_edge(START, "receive")
    graph.add_node(nodes.receive)
    graph.add_conditional_edges("receive", routes.after_receiving)
    graph.add_node(hearing.transcribe)
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
    # Remember
    graph.add_node(nodes.remember)
    graph.add_conditional_edges("remember", routes.after_remembering)


def _draw_fixed_lines(graph: Drawing, lines: FixedLines) -> None:
    # They need no guard: the owner wrote them.
    for line in (
        lines.disclose,
        lines.hand_over,
        lines.no_hand_over,
        lines.turn_voice_on,
        lines.turn_voice_off,
        lines.decline_voice,
        lines.acknowledge,
        lines.abstain,
        lines.admit_no_documents,
        lines.decline_recording,
        lines.ask_to_repeat,
        lines.decline_length,
        lines.ask_to_write,
        lines.point_to_stop,
        lines.decline_kind,
    ):
        graph.add_node(line)
        graph.add_edge(line.__name__, "remember")


def _draw_leaving(graph: Drawing, openings: Openings, routes: Routes) -> None:
    graph.add_node(openings.echo)
    graph.add_conditional_edges("echo", routes.before_introducing_voice)
    graph.add_node(openings.admit_gap)
    graph.add_conditional_edges("admit_gap", routes.before_introducing_voice)
    graph.add_node(openings.excuse_voice)
    graph.add_conditional_edges("excuse_voice", routes.before_introducing_voice)
    graph.add_node(openings.introduce_voice)
    graph.add_conditional_edges("introduce_voice", routes.before_introducing)
    graph.add_node(openings.introduce)
    graph.add_conditional_edges("introduce", routes.after_introducing)
    graph.add_node(openings.open_late)
    graph.add_conditional_edges("open_late", routes.before_speaking)
    graph.add_node(openings.speak)
    graph.set_finish_point("speak")


def _track_scratch(graph: Drawing) -> None:
    for name, channel in graph.channels.items():
        if isinstance(channel, UntrackedValue):
            graph.channels[name] = LastValue(channel.typ, name)
