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
        self._hears = services.transcriber is not None and services.recordings is not None
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

    async def after_hearing(
        self, state: State
    ) -> Literal["point_to_stop", "understand", "ask_to_write", "decline_length", "ask_to_repeat"]:
        """Only words can be understood; where there are none, the contact is told why."""
        if state["stops_aloud"]:
            return "point_to_stop"
        if state["words"]:
            return "understand"
        if "failed" in state["unheard"]:
            return "ask_to_write"
        return "decline_length" if "too_long" in state["unheard"] else "ask_to_repeat"

    async def after_understanding(
        self, state: State, runtime: Runtime[Options]
    ) -> Literal[
        "retrieve",
        "converse",
        "disclose",
        "hand_over",
        "no_hand_over",
        "turn_voice_on",
        "turn_voice_off",
        "decline_voice",
    ]:
        """Only questions about the person need passages; what the clone is needs no model."""
        match state["intent"]:
            case "question":
                return "retrieve"
            case "about_clone":
                return "disclose"
            case "hand_over":
                return "hand_over" if self._alerts else "no_hand_over"
            case "wants_voice":
                return "turn_voice_on" if self._notices.may_speak(runtime) else "decline_voice"
            case "wants_text":
                return "turn_voice_off"
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
    ) -> Literal[
        "echo",
        "admit_gap",
        "excuse_voice",
        "introduce_voice",
        "introduce",
        "open_late",
        "speak",
        "__end__",
    ]:
        """What was heard in doubt or in part, or cannot be granted, is said first; one of them."""
        if state["doubtful"]:
            return "echo"
        if state["words"] and not {"too_long", "failed"}.isdisjoint(state["unheard"]):
            return "admit_gap"
        # Alone, such a wish was declined by the reply itself.
        beside = state["voice_wish"] == "voice" and state["intent"] != "wants_voice"
        if beside and not self._notices.may_speak(runtime):
            return "excuse_voice"
        return await self.before_introducing_voice(state, runtime)

    async def before_introducing_voice(
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
