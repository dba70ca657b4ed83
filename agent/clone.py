"""The clone as the doors see it: a turn goes in, a reply comes out."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Literal

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage

from agent.conversation import SILENT
from agent.errors import TemporaryError
from agent.graph import Graph
from agent.messages import Audio, Media, Passage, Reply, Turn, TurnMessage
from agent.options import Options
from agent.stagger import Stagger
from agent.state import Background, Recording, State, TurnInput
from agent.understanding import understand
from agent.vendors import shared_deadline
from prompts.persona import Persona

#: So long before a turn's deadline nothing outside is waited for any more, in seconds and as a
#: share of the turn's time: a line of the persona, or the text of a reply, still leaves in time.
_MARGIN, _MARGIN_SHARE = 2.0, 0.1
#: A turn with a recording takes some 40 ms of the event loop, in four steps between waiting for
#: vendors: many that came together and stayed so would keep those who write waiting.
_APART_SECONDS = 0.016


class Clone:
    """Runs the graph for one turn; the conversation is found by the contact's hash."""

    def __init__(self, graph: Graph, persona: Persona) -> None:
        self._graph = graph
        self._persona = persona
        self._stagger = Stagger(_APART_SECONDS)

    async def answer(self, turn: Turn, deadline: float, options: Options | None = None) -> Reply:
        """Return the reply to a turn, before `deadline` (of the event loop's clock).

        Raises `VendorError` when an outside service failed, `TemporaryError` among them when
        the deadline passed. Turns of one contact must come one after the other.
        """
        began = time.perf_counter()
        route: list[str] = []
        state: Any = {}
        try:
            with shared_deadline(_vendors_deadline(deadline)):
                async with asyncio.timeout_at(deadline):
                    if any(message.media for message in turn.messages):
                        await self._stagger.enter()
                    async for mode, chunk in self._graph.astream(
                        _input(turn),
                        {"configurable": {"thread_id": turn.contact}},
                        context=options or Options(voice=turn.takes_sound),
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

    def line(self, turn: Turn, kind: Literal["apology", "later"]) -> str:
        """Return a fixed line for a turn that gets no answer, in its contact's language."""
        words = "\n".join(message.text for message in turn.messages)
        language = understand(words, languages=self._persona.languages).language
        lines = self._persona.lines_in(language)
        return {"apology": lines.apology, "later": lines.later}[kind]


def _vendors_deadline(deadline: float) -> float:
    left = max(0.0, deadline - asyncio.get_running_loop().time())
    return deadline - min(_MARGIN, _MARGIN_SHARE * left)


def _input(turn: Turn) -> TurnInput:
    messages: list[AnyMessage] = []
    recordings: list[Recording] = []
    for message in turn.messages:
        # An empty answer is a silence that was meant: an opted-out contact's, for example.
        marks = {SILENT: True} if message.answer == "" else {}
        messages.append(HumanMessage(message.text, id=message.id, additional_kwargs=marks))
        if message.answer:
            messages.append(AIMessage(message.answer, id=f"{message.id}:shortcut"))
        elif message.kind == "audio" and message.answer is None:
            recordings += [
                Recording(message_id=message.id, url=media.url, content_type=media.content_type)
                # A recording whose file got lost is one that could not be heard.
                for media in message.media or (Media(url="", content_type=""),)
            ]
    asked = [message for message in turn.messages if message.answer is None]
    return TurnInput(
        messages=messages,
        turn_id=turn.id,
        message_ids=[message.id for message in asked],
        recordings=recordings,
        late=turn.late,
        introduced=turn.introduced,
        voice_introduced=turn.voice_introduced,
        voice_preference=turn.voice_preference,
        background=_background(asked),
    )


def _background(messages: Sequence[TurnMessage]) -> list[Background]:
    found: list[Background] = []
    for message in messages:
        if message.quoted:
            found.append(Background(source="quoted", words=message.quoted))
        if message.referral:
            found.append(Background(source="advertisement", words=message.referral))
        if message.kind not in ("text", "audio"):
            told = f"{message.kind}, which you cannot see: do not guess what is in it"
            found.append(Background(source="attachment", words=told))
    return found


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
        spoken=state.get("spoken", ""),
        beside=state.get("beside", ""),
        disclosed=state.get("disclosed", ""),
        hand_over=not {"hand_over", "no_hand_over"}.isdisjoint(route),
        voice_preference=state.get("voice_wish", ""),
        alerts=tuple(state.get("alerts", ())),
    )
