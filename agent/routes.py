"""The decisions of a turn: each reads the state and names the node that comes next."""

from typing import Literal

from langgraph.runtime import Runtime

from agent.options import Options, options_of
from agent.services import Services
from agent.state import State


class Routes:
    """The typed edges of the graph; whatever changes a reply is decided here, in the open.

    All are coroutines, because LangGraph takes a plain function to a thread, which costs more
    than the decision.
    """

    def __init__(self, services: Services) -> None:
        self._hears = services.transcriber is not None
        self._speaks = services.voice is not None
        self._voice_replies = services.voice_replies

    async def after_receiving(
        self, state: State
    ) -> Literal["transcribe", "understand", "decline_recording", "decline_kind"]:
        """Recordings are heard first; words are answered even beside what cannot be taken in."""
        if state.get("recordings") and self._hears:
            return "transcribe"
        if state["words"]:
            return "understand"
        return "decline_recording" if state.get("recordings") else "decline_kind"

    async def after_hearing(self, state: State) -> Literal["understand", "ask_to_repeat"]:
        """Only words can be understood."""
        return "understand" if state["words"] else "ask_to_repeat"

    async def after_understanding(self, state: State) -> Literal["retrieve", "converse"]:
        """Only questions about the person need passages."""
        return "retrieve" if state["intent"] == "question" else "converse"

    async def after_retrieving(
        self, state: State
    ) -> Literal["generate", "abstain", "admit_no_documents"]:
        """Without a passage no model is asked: it could only invent."""
        if state["passages"]:
            return "generate"
        return "admit_no_documents" if state["knows_nothing"] else "abstain"

    async def after_generating(self, state: State) -> Literal["guard", "abstain"]:
        """A model that found no answer in the passages said so."""
        return "guard" if state["reply"] else "abstain"

    async def after_conversing(self, state: State) -> Literal["guard", "acknowledge"]:
        """Conversation is never met with "I don't know", whatever a model thinks of it."""
        return "guard" if state["reply"] else "acknowledge"

    async def after_guarding(self, state: State) -> Literal["remember", "abstain", "acknowledge"]:
        """Where the guard left nothing, a line of the persona stands in."""
        if state["reply"]:
            return "remember"
        return "abstain" if state["intent"] == "question" else "acknowledge"

    async def after_remembering(
        self, state: State, runtime: Runtime[Options]
    ) -> Literal["open_late", "speak", "__end__"]:
        """A reply that comes late says so first."""
        return "open_late" if state.get("late") else await self.before_speaking(state, runtime)

    async def before_speaking(
        self, state: State, runtime: Runtime[Options]
    ) -> Literal["speak", "__end__"]:
        """Voice answers voice, or everything, as the settings and the run's options say."""
        mirrors = self._voice_replies == "mirror" and bool(state.get("recordings"))
        wanted = self._voice_replies == "always" or mirrors
        return "speak" if wanted and self._speaks and options_of(runtime).voice else "__end__"
