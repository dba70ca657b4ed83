"""The step that hears: recordings become the words of their messages, or a reason why not."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import HumanMessage

from agent.consent import command_in, offered
from agent.conversation import history, last_reply, said
from agent.errors import AccountError, VendorError
from agent.messages import Media
from agent.services import Services
from agent.state import Recording, State, Unheard
from agent.transcripts import is_doubtful, words_of

#: The codes of errors by which a fetcher or a transcriber says that a recording is too much.
_TOO_MUCH = {"too_long", "media_too_large"}

#: So many recordings of one turn are heard; the flood guard counts turns only.
_MOST = 10
_MOST_KNOWN = 500

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Heard:
    """What came of one recording: its words, or why there are none."""

    words: str = ""
    doubtful: bool = False
    unheard: Unheard | None = None
    #: Whether the vendor refuses the account, which only its operator can mend.
    refused: bool = False


class Hearing:
    """Holds the node that hears; what goes wrong with a recording is an outcome, not an error."""

    def __init__(self, services: Services) -> None:
        self._persona = services.persona
        self._recordings = services.recordings
        self._transcriber = services.transcriber
        #: What recordings give or gave, by address, the oldest first.
        self._heard: dict[str, asyncio.Task[_Heard]] = {}

    async def transcribe(self, state: State) -> dict[str, Any]:
        """Turn voice notes into the words of their messages, all of them at once."""
        recordings = state["recordings"]
        heard = await asyncio.gather(
            *(self._hear(each) for each in recordings[:_MOST]),
            *(_too_many() for _ in recordings[_MOST:]),
        )
        words = {each.id: [said(each)] for each in state["messages"]}
        for recording, found in zip(recordings, heard, strict=True):
            words[recording["message_id"]].append(found.words)
        told = [
            HumanMessage("\n".join(filter(None, words[each])), id=each)
            for each in state["message_ids"]
        ]
        return {
            "messages": told,
            "words": "\n".join(filter(None, map(said, told))),
            "unheard": [found.unheard for found in heard if found.unheard],
            "doubtful": "\n".join(found.words for found in heard if found.doubtful),
            "alerts": ["hearing_refused"] if any(found.refused for found in heard) else [],
            **self._command(state, [found.words for found in heard if found.words]),
        }

    async def _hear(self, recording: Recording) -> _Heard:
        """Hear a recording once, though its turn may start over while it is heard, or later."""
        url = recording["url"]
        if not url:
            return _Heard(unheard="silent")
        hearing = self._heard.get(url)
        if hearing is None:
            hearing = self._heard[url] = asyncio.create_task(self._listen(recording))
            if len(self._heard) > _MOST_KNOWN:
                del self._heard[next(iter(self._heard))]
        try:
            heard = await asyncio.shield(hearing)
        except BaseException:
            if hearing.done():
                self._heard.pop(url, None)
            raise
        if heard.unheard == "failed":
            self._heard.pop(url, None)
        return heard

    async def _listen(self, recording: Recording) -> _Heard:
        # The route here saw both.
        assert self._recordings is not None  # nosec B101
        assert self._transcriber is not None  # nosec B101
        media = Media(url=recording["url"], content_type=recording["content_type"])
        try:
            audio = await self._recordings.fetch(media)
            transcript = await self._transcriber.transcribe(audio)
        except VendorError as error:
            # A contact who knows that they were not heard can write, now, while another attempt
            # at the whole turn would leave them waiting for one more failure.
            unheard: Unheard = "too_long" if error.code in _TOO_MUCH else "failed"
            action = "hearing_too_long" if unheard == "too_long" else "hearing_failed"
            _log.warning("recording not heard", extra={"action": action, "error": error.code})
            return _Heard(unheard=unheard, refused=isinstance(error, AccountError))
        if found := words_of(transcript):
            return _Heard(found, is_doubtful(transcript, self._persona.languages))
        return _Heard(unheard="silent")

    def _command(self, state: State, heard: Sequence[str]) -> dict[str, Any]:
        """Find a recording that is wholly a word to be obeyed; the language is that word's.

        Words are taken for a wish to leave where they are written: a transcript may be wrong.
        """
        before = last_reply(history(state["messages"], state["message_ids"]))
        languages = dict.fromkeys((state["language"], *self._persona.languages))
        for words in heard:
            command = command_in(words, tuple(languages))
            if command and command.kind == "stop" and not (command.soft and offered(words, before)):
                told = command.language if command.language in languages else state["language"]
                return {"stops_aloud": True, "language": told}
        return {}


async def _too_many() -> _Heard:
    return _Heard(unheard="too_long")
