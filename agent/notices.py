"""Whether a reply is spoken, and which notice it owes: of the AI, or also of its voice."""

from langgraph.runtime import Runtime

from agent.options import Options, options_of
from agent.services import Services
from agent.speakable import speakable
from agent.state import State


class Notices:
    """Judges by the state what must be said in front of a reply; at most one notice a reply."""

    def __init__(self, services: Services) -> None:
        self._persona = services.persona
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
        return (
            _fits(state)
            and not state["voice_introduced"]
            and self._wanted_aloud(state, runtime)
            # Before there is a reply, nothing speaks against its being spoken.
            and (not state["reply"] or self._can_be_said(state, state["reply"]))
        )

    def speaks(self, state: State, runtime: Runtime[Options]) -> bool:
        """Tell whether the reply is spoken: never in a voice that nobody gave notice of."""
        known = state["voice_introduced"] or bool(state["aloud"])
        heard = state["aloud"] or state["reply"]
        return known and self._wanted_aloud(state, runtime) and self._can_be_said(state, heard)

    def may_speak(self, runtime: Runtime[Options]) -> bool:
        """Tell whether there is a voice that may be used at all, whatever the contact wishes."""
        allowed = self._voice_replies != "never" and options_of(runtime).voice
        return self._has_voice and allowed

    def _wanted_aloud(self, state: State, runtime: Runtime[Options]) -> bool:
        """A contact's own wish goes first; else voice answers voice, or everything."""
        # Who wants to leave needs the word before their eyes.
        if state["stops_aloud"] or not self.may_speak(runtime):
            return False
        if wish := state["voice_wish"] or state["voice_preference"]:
            return wish == "voice"
        return self._voice_replies == "always" or bool(state["recordings"])

    def _can_be_said(self, state: State, words: str) -> bool:
        stand_in = self._persona.lines_in(state["language"]).in_writing
        return speakable(words, stand_in=stand_in) is not None


def _fits(state: State) -> bool:
    """Leave alone a reply that says it itself, and one to somebody who wants the person."""
    wants_person = state["intent"] == "hand_over" and not state["asks_identity"]
    return not state["disclosed"] and not wants_person
