"""A stand-in of ElevenLabs: text to speech on loopback."""

import secrets
from dataclasses import dataclass
from typing import Any

from tests.standins.exchange import Answer, Behaviour, Request, always, json_answer
from tests.standins.server import StandIn

API_KEY = "elevenlabs-test-key"
VOICE_ID = "voice-test"
#: The first page of an Ogg/Opus stream, as far as a look at the magic bytes goes.
OGG_OPUS = b"OggS\x00\x02" + bytes(20) + b"\x01\x13" + b"OpusHead\x01\x01" + bytes(9)
_TYPES = {"mp3": "audio/mpeg", "opus": "audio/ogg", "pcm": "audio/pcm", "wav": "audio/wav"}


def refusal(status: int, code: str, message: str = "") -> Answer:
    """Answer with ElevenLabs' error document."""
    return json_answer({"detail": {"status": code, "message": message or code}}, status)


def refused(status: int, code: str) -> Behaviour:
    """Refuse, e.g. 401 `quota_exceeded` or 429 `too_many_concurrent_requests`."""
    return always(refusal(status, code))


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """A text that was asked to be spoken."""

    text: str
    voice_id: str
    model_id: str
    output_format: str
    #: The whole parsed body, e.g. with `voice_settings`.
    body: dict[str, Any]


class ElevenLabsStandIn(StandIn):
    """An ElevenLabs with one key and one voice, which speaks the bytes in `audio`.

    Operations: speak, stream. Set `ELEVENLABS_BASE_URL` to `url`.
    """

    def __init__(self, *, audio: bytes = OGG_OPUS, latency: float = 0.0) -> None:
        super().__init__()
        self.api_key = API_KEY
        self.voice_id = VOICE_ID
        self.audio = audio
        #: Seconds until the first byte of sound.
        self.latency = latency
        path = r"/v1/text-to-speech/(?P<voice>[^/]+)"
        self.route("POST", path, "speak", self._speak)
        self.route("POST", path + "/stream", "stream", self._speak)

    @property
    def speeches(self) -> list[Speech]:
        """Every text asked to be spoken, in order, also those refused."""
        return [
            Speech(
                text=r.json()["text"],
                voice_id=r.parts["voice"],
                model_id=r.json().get("model_id", ""),
                output_format=r.query.get("output_format", "mp3_44100_128"),
                body=r.json(),
            )
            for r in self.requests()
            if r.operation in ("speak", "stream")
        ]

    def _speak(self, request: Request) -> Answer:
        if request.headers.get("xi-api-key") != self.api_key:
            return refusal(401, "invalid_api_key", "Invalid API key")
        if request.parts["voice"] != self.voice_id:
            return refusal(404, "voice_not_found", "A voice with that id was not found.")
        codec = request.query.get("output_format", "mp3_44100_128").partition("_")[0]
        text = request.json()["text"]
        headers = {"request-id": secrets.token_hex(10), "character-cost": str(len(text))}
        return Answer(
            body=(self.audio[i : i + 1024] for i in range(0, len(self.audio), 1024)),
            content_type=_TYPES.get(codec, "application/octet-stream"),
            headers=headers,
            delay=self.latency,
        )
