"""The clone as the doors see it: a turn goes in, a reply comes out."""

import asyncio
import time
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage

from agent.errors import TemporaryError
from agent.graph import Graph
from agent.messages import Audio, Passage, Reply, Turn
from agent.options import Options
from agent.state import Recording, State, TurnInput
from agent.understanding import understand
from agent.vendors import shared_deadline
from prompts.persona import Persona


class Clone:
    """Runs the graph for one turn; the conversation is found by the contact's hash."""

    def __init__(self, graph: Graph, persona: Persona) -> None:
        self._graph = graph
        self._persona = persona

    async def answer(self, turn: Turn, deadline: float, options: Options | None = None) -> Reply:
        """Return the reply to a turn, before `deadline` (of the event loop's clock).

        Raises `VendorError` when an outside service failed, `TemporaryError` among them when
        the deadline passed. Turns of one contact must come one after the other.
        """
        began = time.perf_counter()
        route: list[str] = []
        state: Any = {}
        try:
            with shared_deadline(deadline):
                async with asyncio.timeout_at(deadline):
                    async for mode, chunk in self._graph.astream(
                        _input(turn),
                        {"configurable": {"thread_id": turn.contact}},
                        context=options or Options(),
                        stream_mode=["updates", "values"],
                        durability="exit" if self._graph.checkpointer else None,
                    ):
                        if mode == "updates":
                            route.extend(chunk)
                        else:
                            state = chunk
        except TimeoutError as error:
            # A reply that only waits for its voice goes as text.
            if "remember" not in route:
                raise TemporaryError("the turn's time is over", code="deadline") from error
        return _reply(state, route, time.perf_counter() - began)

    def apology(self, turn: Turn) -> str:
        """Return what the contact is told when their turn failed, in their language."""
        words = "\n".join(message.text for message in turn.messages)
        language = understand(words, languages=self._persona.languages).language
        return self._persona.lines_in(language).apology


def _input(turn: Turn) -> TurnInput:
    messages: list[AnyMessage] = []
    recordings: list[Recording] = []
    for message in turn.messages:
        messages.append(HumanMessage(message.text, id=message.id))
        if message.answer is not None:
            messages.append(AIMessage(message.answer, id=f"{message.id}:shortcut"))
        elif message.kind == "audio":
            recordings += [
                Recording(message_id=message.id, url=media.url, content_type=media.content_type)
                for media in message.media
            ]
    return TurnInput(
        messages=messages,
        turn_id=turn.id,
        message_ids=[message.id for message in turn.messages if message.answer is None],
        recordings=recordings,
        late=turn.late,
    )


def _reply(state: State, route: list[str], seconds: float) -> Reply:
    passages = tuple(Passage(**found) for found in state.get("passages", []))
    speech: Any = state.get("speech")
    return Reply(
        text=state["reply"],
        route=tuple(route),
        sources=tuple(passages[index] for index in state.get("cited", [])),
        passages=passages,
        model=state.get("model", ""),
        seconds=seconds,
        usage=state.get("usage", {}),
        voice=Audio(data=speech["data"], content_type=speech["content_type"]) if speech else None,
    )
