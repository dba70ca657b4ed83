"""The steps between the reply and its leaving: what is said in front of it, and its voice.

What they add is no part of the conversation: they come after it was remembered.
"""

import logging
import re
from typing import Any

from agent.errors import AccountError, VendorError
from agent.services import Services
from agent.speakable import speakable
from agent.state import Speech, State
from prompts.persona import Lines

#: What Markdown knows by its place at the beginning of a line.
_BLOCK = re.compile(r"(?:#{1,6} |[-*+•] |\d+[.)] |>|\||```|~~~)")
#: The most that is repeated of a recording that may have been heard wrongly, in characters.
_ECHO_LIMIT = 200

_log = logging.getLogger(__name__)


class Openings:
    """Nodes that prepare the finished reply for its contact."""

    def __init__(self, services: Services) -> None:
        self._persona = services.persona
        self._voice = services.voice

    async def echo(self, state: State) -> dict[str, Any]:
        """Open the reply with what was heard, so that the contact sees what it rests on."""
        words = " ".join(state["doubtful"].split())
        if len(words) > _ECHO_LIMIT:
            words = f"{words[: _ECHO_LIMIT - 1].rstrip()}…"
        heard = self._lines(state).heard.replace("{words}", words)
        return {"reply": f"{heard} {state['reply']}"}

    async def admit_gap(self, state: State) -> dict[str, Any]:
        """Open the reply with the word that some recording beside it was not heard."""
        return {"reply": f"{self._lines(state).partly_heard} {state['reply']}"}

    async def excuse_voice(self, state: State) -> dict[str, Any]:
        """Open the reply with the word that the voice that was asked for beside it is not to be."""
        return {"reply": f"{self._lines(state).voice_unavailable} {state['reply']}"}

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
        said = speakable(state["aloud"] or state["reply"], stand_in=self._lines(state).in_writing)
        assert self._voice is not None  # nosec B101 - the route here saw both
        assert said is not None  # nosec B101
        try:
            audio = await self._voice.speak(said.words)
        except VendorError as error:
            _log.warning("reply not spoken", extra={"action": "voice_failed", "error": error.code})
            # The vendor is left alone after a refusal, so that this is told once, not every turn.
            refused = isinstance(error, AccountError)
            return {"alerts": [*state["alerts"], "voice_refused"]} if refused else {}
        return {
            "disclosed": "voice" if state["aloud"] else state["disclosed"],
            "speech": Speech(data=audio.data, content_type=audio.content_type),
            "spoken": said.words,
            "beside": said.beside,
        }

    def _lines(self, state: State) -> Lines:
        return self._persona.lines_in(state["language"])


def _before(opening: str, text: str) -> str:
    """Put a sentence before a text, in a line of its own where the text opens with a list or so."""
    return f"{opening}\n\n{text}" if _BLOCK.match(text) else f"{opening} {text}"
