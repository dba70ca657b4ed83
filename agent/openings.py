"""The steps between the reply and its leaving: what is said in front of it, and its voice.

What they add is no part of the conversation: they come after it was remembered.
"""

import logging
import re
from typing import Any

from agent.errors import VendorError
from agent.services import Services
from agent.state import Speech, State
from prompts.persona import Lines

#: What Markdown knows by its place at the beginning of a line.
_BLOCK = re.compile(r"(?:#{1,6} |[-*+•] |\d+[.)] |>|\||```|~~~)")

_log = logging.getLogger(__name__)


class Openings:
    """Nodes that prepare the finished reply for its contact."""

    def __init__(self, services: Services) -> None:
        self._persona = services.persona
        self._voice = services.voice

    async def introduce_voice(self, state: State) -> dict[str, Any]:
        """Open what will be heard with the notice of the synthetic voice, which is also of the AI.

        The written reply stays as it is: it goes where the voice fails.
        """
        return {"aloud": _before(self._lines(state).synthetic_voice_notice, state["reply"])}

    async def introduce(self, state: State) -> dict[str, Any]:
        """Open the reply with the notice that an AI speaks."""
        reply = _before(self._lines(state).ai_notice, state["reply"])
        return {"reply": reply, "disclosed": "ai"}

    async def open_late(self, state: State) -> dict[str, Any]:
        """Open with a short apology for the delay."""
        late = self._lines(state).late
        aloud = _before(late, state["aloud"]) if state["aloud"] else ""
        return {"reply": _before(late, state["reply"]), "aloud": aloud}

    async def speak(self, state: State) -> dict[str, Any]:
        """Say the reply in the person's voice; whatever fails, the text still goes."""
        assert self._voice is not None  # nosec B101 - the route here saw it
        words = state["aloud"] or state["reply"]
        try:
            audio = await self._voice.speak(words)
        except VendorError as error:
            _log.warning("reply not spoken", extra={"action": "voice_failed", "error": error.code})
            return {}
        return {
            "reply": words,
            "disclosed": "voice" if state["aloud"] else state["disclosed"],
            "speech": Speech(data=audio.data, content_type=audio.content_type),
        }

    def _lines(self, state: State) -> Lines:
        return self._persona.lines_in(state["language"])


def _before(opening: str, text: str) -> str:
    """Put a sentence before a text, in a line of its own where the text opens with a list or so."""
    return f"{opening}\n\n{text}" if _BLOCK.match(text) else f"{opening} {text}"
