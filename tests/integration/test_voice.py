"""Speaking by ElevenLabs, against a stand-in on loopback."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agent.adapters.elevenlabs_voice import ElevenLabsVoice
from agent.adapters.sound import Sound
from agent.errors import (
    AccountError,
    PermanentError,
    SettingsError,
    TemporaryError,
    VendorError,
)
from agent.opus import describe
from agent.ports import SoundForm
from agent.settings import Settings
from agent.vendors import shared_deadline
from prompts.persona import VoiceSettings
from tests.mind import sample
from tests.sounds import sound
from tests.standins.elevenlabs import ElevenLabsStandIn, refused
from tests.standins.exchange import Answer, Behaviour, always, dropped, stalled

WORDS = "Foi em Paris, em 1906."


@pytest.fixture
def elevenlabs() -> Iterator[ElevenLabsStandIn]:
    """An ElevenLabs on loopback."""
    with ElevenLabsStandIn() as stand_in:
        yield stand_in


def settings(elevenlabs: ElevenLabsStandIn, **more: str) -> Settings:
    """Return settings that name the stand-in, its key and its voice, and `more`."""
    return Settings.from_env(
        {
            "ELEVENLABS_API_KEY": elevenlabs.api_key,
            "ELEVENLABS_VOICE_ID": elevenlabs.voice_id,
            "ELEVENLABS_BASE_URL": elevenlabs.url,
            **more,
        }
    )


async def at_once(_: float) -> None:
    """Wait for nothing between two attempts."""


@asynccontextmanager
async def speaking(
    elevenlabs: ElevenLabsStandIn,
    style: VoiceSettings | None = None,
    pause: Callable[[float], Awaitable[None]] = at_once,
    **more: str,
) -> AsyncIterator[ElevenLabsVoice]:
    """Give a voice that talks to the stand-in."""
    voice = ElevenLabsVoice(settings(elevenlabs, **more), style or VoiceSettings(), pause=pause)
    try:
        yield voice
    finally:
        await voice.close()


async def test_a_voice_note_is_spoken(elevenlabs: ElevenLabsStandIn) -> None:
    """The words come back as mono Opus in Ogg."""
    async with speaking(elevenlabs) as voice:
        audio = await voice.speak(WORDS)

    stream = describe(audio.data)
    assert stream is not None
    assert (stream.container, stream.channels) == ("ogg", 1)
    assert audio.content_type == "audio/ogg"


async def test_what_is_asked_for(elevenlabs: ElevenLabsStandIn) -> None:
    """Voice, model, format and the persona's settings are in the one request."""
    style = VoiceSettings(stability=0.4, similarity_boost=0.9, style=0.1, speed=1.1)

    async with speaking(elevenlabs, style, ELEVENLABS_MODEL="eleven_flash_v2_5") as voice:
        await voice.speak(WORDS)

    (speech,) = elevenlabs.speeches
    assert (speech.text, speech.voice_id) == (WORDS, elevenlabs.voice_id)
    assert (speech.model_id, speech.output_format) == ("eleven_flash_v2_5", "opus_48000_32")
    assert speech.body["voice_settings"] == {
        "stability": 0.4,
        "similarity_boost": 0.9,
        "style": 0.1,
        "use_speaker_boost": True,
        "speed": 1.1,
    }


async def test_mp3_only_when_asked_for(elevenlabs: ElevenLabsStandIn) -> None:
    """The other form is asked for and checked as such."""
    async with speaking(elevenlabs) as voice:
        audio = await voice.speak(WORDS, "mp3")

    assert (audio.data, audio.content_type) == (elevenlabs.mp3, "audio/mpeg")
    assert elevenlabs.speeches[0].output_format == "mp3_44100_64"


@pytest.mark.parametrize(
    ("audio", "form", "code"),
    [
        (b"", "ogg", "voice_bytes"),
        (b"<html>", "ogg", "voice_bytes"),
        (sound("short.mp3"), "ogg", "voice_bytes"),
        (sound("stereo.ogg"), "ogg", "voice_bytes"),
        (sound("chromium.webm"), "ogg", "voice_bytes"),
        (sound("header_only.ogg"), "ogg", "voice_bytes"),
        (sound("reply.ogg") + bytes(512_000), "ogg", "voice_too_big"),
        (sound("reply.ogg"), "mp3", "voice_bytes"),
        (sound("short.mp3") + bytes(2_000_000), "mp3", "voice_too_big"),
    ],
    ids=["none", "html", "mp3", "stereo", "webm", "headers", "big", "not mp3", "big mp3"],
)
async def test_sound_that_whatsapp_would_not_play_is_refused(
    elevenlabs: ElevenLabsStandIn, audio: bytes, form: SoundForm, code: str
) -> None:
    """What is no mono voice note of at most 512 KB, or no MP3, is an error, asked for once."""
    elevenlabs.audio = elevenlabs.mp3 = audio

    async with speaking(elevenlabs) as voice:
        with pytest.raises(PermanentError) as raised:
            await voice.speak(WORDS, form)

    assert raised.value.code == code
    assert len(elevenlabs.speeches) == 1


@pytest.mark.parametrize(("text", "code"), [(" \n", "voice_empty"), ("a" * 2501, "voice_too_big")])
async def test_nothing_is_paid_in_vain(elevenlabs: ElevenLabsStandIn, text: str, code: str) -> None:
    """No words, and more than a voice note can hold, are refused before they are paid for."""
    async with speaking(elevenlabs) as voice:
        with pytest.raises(PermanentError) as raised:
            await voice.speak(text)

    assert raised.value.code == code
    assert elevenlabs.requests() == []


async def test_sound_without_end_is_left(elevenlabs: ElevenLabsStandIn) -> None:
    """An answer that never ends is left at the limit, not at the end of memory."""
    pieces = (bytes(65_536) for _ in iter(int, 1))
    elevenlabs.queue("speak", always(Answer(body=pieces, content_type="audio/ogg")))

    async with speaking(elevenlabs) as voice:
        with pytest.raises(PermanentError) as raised:
            await voice.speak(WORDS)

    assert raised.value.code == "voice_too_big"


@pytest.mark.parametrize(
    ("behaviour", "kind", "code"),
    [
        (refused(401, "quota_exceeded"), AccountError, "quota_exceeded"),
        (refused(400, "quota_exceeded"), AccountError, "quota_exceeded"),
        (refused(401, "invalid_api_key"), AccountError, "invalid_api_key"),
        (refused(403, "only_for_creator+"), AccountError, "only_for_creator+"),
    ],
)
async def test_a_refused_account_is_left_for_an_hour(
    elevenlabs: ElevenLabsStandIn, behaviour: Behaviour, kind: type[VendorError], code: str
) -> None:
    """A used-up quota or a refused key is told once; then nothing is asked, for an hour."""
    elevenlabs.queue("speak", behaviour)

    async with speaking(elevenlabs) as voice:
        with pytest.raises(kind) as raised:
            await voice.speak(WORDS)
        with pytest.raises(TemporaryError) as closed:
            await voice.speak(WORDS)

    assert raised.value.code == code
    assert closed.value.code == "circuit"
    assert closed.value.retry_after == pytest.approx(3600, abs=5)
    assert len(elevenlabs.speeches) == 1


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        (refused(404, "voice_not_found"), "voice_not_found"),
        (refused(401, "voice_not_found"), "voice_not_found"),
        (refused(401, "max_character_limit_exceeded"), "max_character_limit_exceeded"),
        (always(Answer(status=422, body=b'{"detail": [{"msg": "no"}]}')), "422"),
        (always(Answer(status=400, body=b"<html>", content_type="text/html")), "400"),
        (always(Answer(status=307, headers={"Location": "http://127.0.0.1:1/"})), "307"),
    ],
    ids=["404 voice", "401 voice", "401 length", "422", "html", "redirect"],
)
async def test_a_refused_request_is_not_the_account(
    elevenlabs: ElevenLabsStandIn, behaviour: Behaviour, code: str
) -> None:
    """One voice or text that is refused, with whatever status, does not silence the next one."""
    elevenlabs.queue("speak", behaviour)

    async with speaking(elevenlabs) as voice:
        with pytest.raises(PermanentError) as raised:
            await voice.speak(WORDS)
        assert type(raised.value) is PermanentError
        assert (await voice.speak(WORDS)).data

    assert raised.value.code == code


@pytest.mark.parametrize(
    "behaviour",
    [
        refused(429, "too_many_concurrent_requests"),
        refused(429, "system_busy"),
        refused(500, "internal_error"),
        dropped(),
    ],
    ids=["concurrent", "busy", "500", "dropped"],
)
async def test_what_may_pass_is_tried_once_more(
    elevenlabs: ElevenLabsStandIn, behaviour: Behaviour
) -> None:
    """A busy vendor is asked a second time, by us and not by the client."""
    elevenlabs.queue("speak", behaviour)

    async with speaking(elevenlabs) as voice:
        assert (await voice.speak(WORDS)).data

    assert len(elevenlabs.speeches) == 2


async def test_attempts_are_bounded(elevenlabs: ElevenLabsStandIn) -> None:
    """A vendor that stays busy is asked twice."""
    elevenlabs.whenever("speak", refused(429, "system_busy"))

    async with speaking(elevenlabs) as voice:
        with pytest.raises(TemporaryError) as raised:
            await voice.speak(WORDS)

    assert raised.value.code == "system_busy"
    assert len(elevenlabs.speeches) == 2


async def test_the_turns_deadline_ends_the_wait(elevenlabs: ElevenLabsStandIn) -> None:
    """A vendor that does not answer, or drips, is left when the turn's time is over."""
    drip = (b"OggS" for _ in iter(int, 1))
    async with speaking(elevenlabs) as voice:
        for behaviour in (stalled(60), always(Answer(body=drip, pause=0.05))):
            elevenlabs.queue("speak", behaviour)
            end = asyncio.get_running_loop().time() + 0.4
            with shared_deadline(end), pytest.raises(TemporaryError) as raised:
                await voice.speak(WORDS)
            assert raised.value.code == "deadline"


async def test_many_speak_at_once(elevenlabs: ElevenLabsStandIn) -> None:
    """Fifty replies take the time of one, by one client."""
    elevenlabs.latency = 0.5
    async with speaking(elevenlabs) as voice:
        await voice.speak(WORDS)
        began = asyncio.get_running_loop().time()
        await asyncio.gather(*(voice.speak(f"{WORDS} {n}") for n in range(50)))
        took = asyncio.get_running_loop().time() - began

    assert took < 2.0


def test_the_identity_tells_voices_apart(elevenlabs: ElevenLabsStandIn) -> None:
    """Another voice, model or setting is another identity; the key is not in it."""

    def identity(style: VoiceSettings | None = None, **more: str) -> str:
        return ElevenLabsVoice(settings(elevenlabs, **more), style or VoiceSettings()).identity

    identities = [
        identity(),
        identity(VoiceSettings(speed=1.1)),
        identity(ELEVENLABS_VOICE_ID="another"),
        identity(ELEVENLABS_MODEL="eleven_flash_v2_5"),
    ]

    assert len(set(identities)) == 4
    assert identity() == identity()
    assert elevenlabs.api_key not in json.dumps(identities)


async def test_settings_name_the_voice(elevenlabs: ElevenLabsStandIn, tmp_path: Path) -> None:
    """It is off without key and voice, keeps what it says, and tells what it misses."""
    built = Sound(settings(elevenlabs, CLONE_DATA=str(tmp_path)), sample())

    assert built.voice is not None
    assert await built.voice.speak(WORDS) == await built.voice.speak(WORDS)
    await built.aclose()
    assert len(elevenlabs.speeches) == 1
    assert (tmp_path / "voice_cache").is_dir()

    assert Sound(Settings.from_env({}), sample()).voice is None
    with pytest.raises(SettingsError, match="ELEVENLABS_API_KEY"):
        Sound(Settings.from_env({"CLONE_VOICE": "elevenlabs"}), sample())
    with pytest.raises(SettingsError, match="elevenlabs or none"):
        Sound(Settings.from_env({"CLONE_VOICE": "robot"}), sample())
