"""Speaks in the person's voice by ElevenLabs."""

import asyncio
import json
import math
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal, cast

from agent.adapters.late_client import LateClient
from agent.adapters.models import explain_sdk
from agent.errors import PermanentError, VendorError
from agent.media_types import type_of
from agent.messages import Audio
from agent.opus import OpusStream
from agent.ports import SoundForm
from agent.settings import Settings
from agent.vendors import Vendor, explain_http
from prompts.persona import VoiceSettings

if TYPE_CHECKING:
    import httpx
    from elevenlabs.text_to_speech.client import AsyncTextToSpeechClient
    from elevenlabs.types import VoiceSettings as Style

_NAME = "elevenlabs"
_ATTEMPT_SECONDS = 20.0
#: A quota does not come back within minutes.
_REFUSED_SECONDS = 3600.0
#: No voice speaks more of them in the two minutes that fit into a voice note, and they would be
#: paid for in vain.
_MOST_CHARACTERS = 2500


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    output_format: Literal["opus_48000_32", "mp3_44100_64"]
    content_type: str
    most_bytes: int


_FORMS: dict[SoundForm, _Form] = {
    # WhatsApp shows up to 512 KB of mono Opus as a voice note: 128 s.
    "ogg": _Form(output_format="opus_48000_32", content_type="audio/ogg", most_bytes=512_000),
    "mp3": _Form(output_format="mp3_44100_64", content_type="audio/mpeg", most_bytes=2_000_000),
}

# They come with 400, 401 or 404 and are about this request or this voice, never the account.
_REMEDIES = {
    "voice_not_found": "check ELEVENLABS_VOICE_ID",
    "model_not_found": "check ELEVENLABS_MODEL",
    "max_character_limit_exceeded": "the text is too long for the model",
    "text_too_long": "the text is too long for the model",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """What of the SDK is used, and the connections below it, which the SDK cannot close."""

    speech: "AsyncTextToSpeechClient"
    style: "Style"
    http: "httpx.AsyncClient"


class ElevenLabsVoice:
    """One voice of one account, spoken as the persona file says."""

    def __init__(
        self,
        settings: Settings,
        style: VoiceSettings,
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._settings = settings
        self._style = style
        self._vendor = Vendor(
            _NAME,
            _explain,
            attempts=2,
            attempt_seconds=_ATTEMPT_SECONDS,
            refused_seconds=_REFUSED_SECONDS,
            pause=pause,
        )
        self._line = LateClient(self._open_line, lambda line: line.http.aclose())

    @property
    def identity(self) -> str:
        """What makes the same words sound the same: vendor, voice, model, settings, formats."""
        said = self._settings
        named = (_NAME, said.elevenlabs_base_url, said.elevenlabs_voice_id, said.elevenlabs_model)
        formats = [each.output_format for each in _FORMS.values()]
        return json.dumps([*named, formats, asdict(self._style)])

    async def speak(self, text: str, form: SoundForm = "ogg") -> Audio:
        """Return `text` as sound that may be sent: mono Opus of at most 512 KB, or MP3.

        Raises `PermanentError` with code `voice_too_big`, `voice_empty` for no words, or
        `voice_bytes` for an answer that is not such sound; else `VendorError`.
        """
        if not text.strip():
            raise PermanentError("there are no words to speak", code="voice_empty")
        if len(text) > _MOST_CHARACTERS:
            raise _too_big()
        data = await self._vendor.call(lambda: self._synthesize(text, _FORMS[form]))
        _check(data, form)
        return Audio(data=data, content_type=_FORMS[form].content_type)

    async def close(self) -> None:
        """Close the connections."""
        await self._line.close()

    async def _synthesize(self, text: str, form: _Form) -> bytes:
        line = await self._line.get()
        pieces = line.speech.convert(
            self._settings.elevenlabs_voice_id,
            text=text,
            model_id=self._settings.elevenlabs_model,
            output_format=form.output_format,
            voice_settings=line.style,
            request_options={"max_retries": 0, "chunk_size": 16_384},
        )
        data = bytearray()
        # Left before its end, the connection is given back at once, not when memory is tidied.
        async with aclosing(cast("AsyncGenerator[bytes, None]", pieces)):
            async for piece in pieces:
                data += piece
                if len(data) > form.most_bytes:
                    raise _too_big()
        return bytes(data)

    def _open_line(self) -> _Line:
        import httpx
        from elevenlabs.client import AsyncElevenLabs
        from elevenlabs.types import VoiceSettings as Style

        # A redirect would carry the key to wherever it leads.
        http = httpx.AsyncClient(
            timeout=_ATTEMPT_SECONDS,
            follow_redirects=False,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
        )
        client = AsyncElevenLabs(
            api_key=self._settings.elevenlabs_api_key.reveal(),
            base_url=self._settings.elevenlabs_base_url or None,
            httpx_client=http,
        )
        return _Line(speech=client.text_to_speech, style=Style(**asdict(self._style)), http=http)


def _check(data: bytes, form: SoundForm) -> None:
    """Refuse what WhatsApp would not play, or show as a file."""
    if form == "mp3":
        sounds = type_of(data) == _FORMS[form].content_type
    else:
        stream = OpusStream.of(data)
        sounds = (
            stream is not None
            and (stream.container, stream.channels) == ("ogg", 1)
            and 0 < stream.seconds < math.inf
        )
    if not sounds:
        raise PermanentError(f"{_NAME} did not answer with the sound asked for", code="voice_bytes")


def _too_big() -> PermanentError:
    return PermanentError("the reply is too long for a voice note", code="voice_too_big")


_explain_transport = explain_sdk(_NAME)


def _explain(error: Exception) -> VendorError:
    """Return our error for the SDK's, whose body names what is wrong more truly than its status."""
    status = getattr(error, "status_code", None)
    if status is None:
        return _explain_transport(error)
    body = getattr(error, "body", None)
    detail = body.get("detail") if isinstance(body, dict) else None
    detail = detail if isinstance(detail, dict) else {}
    code = str(detail.get("status") or detail.get("code") or "")
    if code in _REMEDIES:
        return PermanentError(f"{_NAME} refused ({code}): {_REMEDIES[code]}", code=code)
    headers = getattr(error, "headers", None) or {}
    return explain_http(_NAME, status, code, headers.get("retry-after"))
