"""Which notice a reply owes its contact: that an AI speaks, and that its voice is synthetic."""

from langgraph.runtime import Runtime

from agent.options import Options, options_of
from agent.services import Services
from agent.state import State


class Notices:
    """Judges by the state what must be said in front of a reply; at most one notice a reply."""

    def __init__(self, services: Services) -> None:
        self._has_voice = services.voice is not None
        self._voice_replies = services.voice_replies

    def any_owed(self, state: State, runtime: Runtime[Options]) -> bool:
        """Tell whether a notice of either kind is going to open the reply."""
        return self.ai_owed(state) or self.voice_owed(state, runtime)

    def ai_owed(self, state: State) -> bool:
        """Tell whether the contact does not know yet that an AI speaks, or asks about it."""
        return _fits(state) and (state["asks_identity"] or not state["introduced"])

    def voice_owed(self, state: State, runtime: Runtime[Options]) -> bool:
        """Tell whether the contact is about to hear the synthetic voice for the first time."""
        return _fits(state) and self._asked_for(state, runtime) and not state["voice_introduced"]

    def speaks(self, state: State, runtime: Runtime[Options]) -> bool:
        """Tell whether the reply is spoken: never in a voice that nobody gave notice of."""
        known = state["voice_introduced"] or bool(state["aloud"])
        return self._asked_for(state, runtime) and known

    def _asked_for(self, state: State, runtime: Runtime[Options]) -> bool:
        """Voice answers voice, or everything, as the settings and the run's options say."""
        mirrors = self._voice_replies == "mirror" and bool(state.get("recordings"))
        wanted = self._voice_replies == "always" or mirrors
        return wanted and self._has_voice and options_of(runtime).voice


def _fits(state: State) -> bool:
    """Leave alone a reply that says it itself, and one to somebody who wants the person."""
    wants_person = state["intent"] == "hand_over" and not state["asks_identity"]
    return not state["disclosed"] and not wants_person
