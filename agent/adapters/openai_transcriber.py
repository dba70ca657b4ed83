"""Hears recordings by OpenAI's audio transcriptions, or by a server that speaks its protocol."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from agent.adapters.late_client import LateClient
from agent.adapters.models import explain_sdk
from agent.errors import PermanentError
from agent.media_types import type_of
from agent.messages import Audio, Transcript
from agent.opus import OpusStream
from agent.vendors import Vendor
from prompts.persona import Persona

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI

_NAME = "openai transcription"
_MOST_BYTES = 25_000_000
#: Ours: beyond it the answer would not come within the turn. OpenAI's models end at 1400 s.
MOST_SECONDS = 600.0
#: Where only the size is known, the length is guessed from it: what phones record at the least.
_BYTES_PER_SECOND = 6_000
#: OpenAI refuses a shorter one.
_LEAST_SECONDS = 0.1
_ATTEMPT_SECONDS = 30.0
_MOST_KEYWORDS = 100
#: Whisper reads the last 224 tokens of its prompt.
_PROMPT_CHARACTERS = 600

# OpenAI judges by the name of the file, and knows no ".opus". What stands not here it does not
# take: AMR, bare AAC, 3GP.
_EXTENSIONS = {
    "audio/ogg": "ogg",
    "audio/webm": "webm",
    "video/webm": "webm",
    "audio/mpeg": "mp3",
    "audio/mp4": "m4a",
    "video/mp4": "mp4",
    "audio/wav": "wav",
    "audio/flac": "flac",
}


class OpenAITranscriber:
    """Hears with the persona's languages and names in mind.

    `account` is what OpenAI's client is made with: key and, for a server of one's own, address.
    """

    def __init__(
        self,
        account: dict[str, Any],
        model: str,
        persona: Persona,
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._account = account
        self._model = model
        self._hints = _hints(model, persona)
        self._vendor = Vendor(
            _NAME, explain_sdk(_NAME), attempts=2, attempt_seconds=_ATTEMPT_SECONDS, pause=pause
        )
        self._client = LateClient(self._make_client, lambda client: client.close())

    async def transcribe(self, audio: Audio) -> Transcript:
        """Return the words, empty when none were spoken, and for less than a tenth of a second.

        Raises `PermanentError` with code `too_long` beyond ten minutes or 25 MB, or `media_type`
        for sound that OpenAI does not take, both before anything is sent; else `VendorError`.
        """
        content_type, stream = await asyncio.to_thread(_look, audio.data)
        if content_type not in _EXTENSIONS:
            raise PermanentError(f"{_NAME} does not take this kind of sound", code="media_type")
        seconds = stream.seconds if stream else None
        guessed = len(audio.data) / _BYTES_PER_SECOND if seconds is None else seconds
        if len(audio.data) > _MOST_BYTES or guessed > MOST_SECONDS:
            raise PermanentError("the recording is too long to be heard", code="too_long")
        if seconds is not None and seconds < _LEAST_SECONDS:
            return Transcript(text="", seconds=seconds)
        file = (f"voice.{_EXTENSIONS[content_type]}", audio.data, content_type)
        heard = await self._vendor.call(lambda: self._ask(file))
        return heard if seconds is None else _lasting(heard, seconds)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _ask(self, file: tuple[str, bytes, str]) -> Transcript:
        client = await self._client.get()
        answer = await client.audio.transcriptions.create(
            file=file, model=self._model, **self._hints
        )
        if not isinstance(answer.text, str):
            raise TypeError("no text in the answer")
        found = [each.code.partition("-")[0].lower() for each in answer.languages or ()]
        seconds = getattr(answer.usage, "seconds", None)
        return Transcript(text=answer.text.strip(), languages=tuple(found), seconds=seconds)

    def _make_client(self) -> "AsyncOpenAI":
        from openai import AsyncOpenAI, DefaultAsyncHttpxClient

        http = DefaultAsyncHttpxClient(event_hooks={"request": [_join]})
        client = AsyncOpenAI(
            **self._account, max_retries=0, timeout=_ATTEMPT_SECONDS, http_client=http
        )
        # Named, so that its part of the library is imported here and not in the event loop.
        _ = client.audio.transcriptions
        return client


async def _join(request: "httpx2.Request") -> None:
    """Put the form into one piece: a write for each of its hundred parts costs 8 ms of the loop."""
    await request.aread()


def _look(data: bytes) -> tuple[str, OpusStream | None]:
    return type_of(data) or "", OpusStream.of(data)


def _lasting(heard: Transcript, seconds: float) -> Transcript:
    return Transcript(text=heard.text, languages=heard.languages, seconds=seconds)


def _hints(model: str, persona: Persona) -> dict[str, Any]:
    """Return what to listen for, in the fields that the model knows."""
    words = (persona.name, *persona.aliases, *persona.keywords)
    named = list(dict.fromkeys(" ".join(word.split()) for word in words))[:_MOST_KEYWORDS]
    if model.startswith("gpt-transcribe"):
        return {"languages": list(persona.languages), "keywords": named}
    hints: dict[str, Any] = {}
    if len(persona.languages) == 1:
        # The older models take it for an order, and would translate what is in another one.
        hints["language"] = persona.languages[0]
    if "diarize" not in model:
        hints["prompt"] = ", ".join(named)[:_PROMPT_CHARACTERS]
    return hints
