"""A stand-in of ElevenLabs: text to speech on loopback."""

import re
import secrets
from dataclasses import dataclass
from typing import Any

from tests.sounds import sound
from tests.standins.exchange import Answer, Behaviour, Request, always, json_answer
from tests.standins.server import StandIn

API_KEY = "elevenlabs-test-key"
VOICE_ID = "voice-test"
#: What is spoken when nothing else is asked for: 2.9 s of mono Opus, or an MP3.
OGG_OPUS = sound("reply.ogg")
MP3 = sound("short.mp3")
_MODELS = {"eleven_multilingual_v2": 10_000, "eleven_flash_v2_5": 40_000, "eleven_v3": 3_000}
_FORMATS = re.compile(
    r"mp3_(22050_32|24000_48|44100_(32|64|96|128|192))|opus_48000_(32|64|96|128|192)"
    r"|(pcm|wav)_(8000|16000|22050|24000|32000|44100|48000)|[ua]law_8000"
)
_RANGES = {
    "stability": (0.0, 1.0),
    "similarity_boost": (0.0, 1.0),
    "style": (0.0, 1.0),
    "speed": (0.7, 1.2),
}
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
    """An ElevenLabs with one key and one voice, which speaks the bytes in `audio`, or in `mp3`.

    Operations: speak, stream. Set `ELEVENLABS_BASE_URL` to `url`.
    """

    def __init__(self, *, audio: bytes = OGG_OPUS, mp3: bytes = MP3, latency: float = 0.0) -> None:
        super().__init__()
        self.api_key = API_KEY
        self.voice_id = VOICE_ID
        self.audio = audio
        self.mp3 = mp3
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
        output_format = request.query.get("output_format", "mp3_44100_128")
        if problem := _mistake(request.json(), output_format):
            return problem
        codec = output_format.partition("_")[0]
        audio = self.mp3 if codec == "mp3" else self.audio
        text = request.json()["text"]
        headers = {"request-id": secrets.token_hex(10), "character-cost": str(len(text))}
        return Answer(
            body=(audio[i : i + 1024] for i in range(0, len(audio), 1024)),
            content_type=_TYPES.get(codec, "application/octet-stream"),
            headers=headers,
            delay=self.latency,
        )


def _mistake(body: dict[str, Any], output_format: str) -> Answer | None:
    """Return the refusal of a request that ElevenLabs would not carry out."""
    if not _FORMATS.fullmatch(output_format):
        return refusal(400, "invalid_output_format")
    limit = _MODELS.get(body.get("model_id", "eleven_multilingual_v2"))
    if limit is None:
        return refusal(400, "model_not_found")
    if not body["text"]:
        return refusal(400, "input_text_empty")
    if len(body["text"]) > limit:
        return refusal(400, "max_character_limit_exceeded")
    style = body.get("voice_settings") or {}
    wrong = [
        {"loc": ["body", "voice_settings", name], "msg": "out of range"}
        for name, (least, most) in _RANGES.items()
        if not least <= style.get(name, least) <= most
    ]
    return json_answer({"detail": wrong}, 422) if wrong else None
