"""The decisions of a turn: each reads the state and names the node that comes next."""

from typing import Literal

from langgraph.runtime import Runtime

from agent.notices import Notices
from agent.options import Options
from agent.services import Services
from agent.state import State


class Routes:
    """The typed edges of the graph; whatever changes a reply is decided here, in the open.

    All are coroutines, because LangGraph takes a plain function to a thread, which costs more
    than the decision.
    """

    def __init__(self, services: Services) -> None:
        self._hears = services.transcriber is not None
        self._alerts = services.alerts_operator
        self._notices = Notices(services)

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

    async def after_understanding(
        self, state: State
    ) -> Literal["retrieve", "converse", "disclose", "hand_over", "no_hand_over"]:
        """Only questions about the person need passages; what the clone is needs no model."""
        if state["intent"] == "question":
            return "retrieve"
        if state["intent"] == "about_clone":
            return "disclose"
        if state["intent"] == "hand_over":
            return "hand_over" if self._alerts else "no_hand_over"
        return "converse"

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
    ) -> Literal["introduce_voice", "introduce", "open_late", "speak", "__end__"]:
        """A voice is not heard before the contact is told that it is synthetic."""
        if self._notices.voice_owed(state, runtime):
            return "introduce_voice"
        return await self.before_introducing(state, runtime)

    async def before_introducing(
        self, state: State, runtime: Runtime[Options]
    ) -> Literal["introduce", "open_late", "speak", "__end__"]:
        """Nobody talks to the clone without knowing that it is one."""
        if self._notices.ai_owed(state):
            return "introduce"
        return await self.after_introducing(state, runtime)

    async def after_introducing(
        self, state: State, runtime: Runtime[Options]
    ) -> Literal["open_late", "speak", "__end__"]:
        """A reply that comes late says so first."""
        return "open_late" if state.get("late") else await self.before_speaking(state, runtime)

    async def before_speaking(
        self, state: State, runtime: Runtime[Options]
    ) -> Literal["speak", "__end__"]:
        """The reply is spoken where the contact is answered by voice."""
        return "speak" if self._notices.speaks(state, runtime) else "__end__"
