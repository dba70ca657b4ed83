"""Hearing by OpenAI's transcriptions, against a stand-in on loopback."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from agent.adapters.openai_transcriber import OpenAITranscriber
from agent.adapters.sound import Sound
from agent.errors import (
    AccountError,
    PermanentError,
    SettingsError,
    TemporaryError,
    VendorError,
)
from agent.messages import Audio
from agent.settings import Settings
from agent.vendors import shared_deadline
from prompts.persona import Persona
from tests.mind import sample
from tests.sounds import sound
from tests.standins.exchange import Behaviour, always, dropped, json_answer, stalled
from tests.standins.openai import OpenAIStandIn, cut_short, hears, refused, says_html

NOTE = Audio(data=sound("voice_note.ogg"), content_type="audio/ogg")
#: A page of the stream in `header_only.ogg`, up to the number of its segments.
PAGE = b"OggS" + bytes(10) + NOTE.data[14:18] + bytes(8)


@pytest.fixture
def openai() -> Iterator[OpenAIStandIn]:
    """An OpenAI on loopback."""
    with OpenAIStandIn() as stand_in:
        yield stand_in


@asynccontextmanager
async def listening(
    openai: OpenAIStandIn,
    model: str = "gpt-transcribe",
    persona: Persona | None = None,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> AsyncIterator[OpenAITranscriber]:
    """Give a transcriber that talks to the stand-in."""
    account = {"api_key": openai.api_key, "base_url": openai.base_url}
    transcriber = OpenAITranscriber(account, model, persona or sample(), pause=pause)
    try:
        yield transcriber
    finally:
        await transcriber.close()


async def at_once(_: float) -> None:
    """Wait for nothing between two attempts."""


async def test_a_voice_note_is_heard(openai: OpenAIStandIn) -> None:
    """The words come back with their language and the true length of the recording."""
    openai.queue("transcription", hears(" Onde você nasceu? ", "pt-BR", "es"))

    async with listening(openai) as transcriber:
        heard = await transcriber.transcribe(NOTE)

    assert heard.text == "Onde você nasceu?"
    assert heard.languages == ("pt", "es")
    assert heard.seconds == pytest.approx(2.69, abs=0.01)


async def test_the_upload_is_as_openai_wants_it(openai: OpenAIStandIn) -> None:
    """The bytes go unchanged under a name OpenAI takes, with the persona's languages and names."""
    persona = replace(
        sample(),
        name="Ana",
        aliases=("Aninha",),
        keywords=("Cabangu", "Ana"),
        languages=("pt", "en"),
    )

    async with listening(openai, persona=persona) as transcriber:
        await transcriber.transcribe(NOTE)

    (upload,) = openai.recordings
    assert (upload.file_name, upload.content_type) == ("voice.ogg", "audio/ogg")
    assert upload.data == NOTE.data
    assert upload.model == "gpt-transcribe"
    assert upload.languages == ("pt", "en")
    assert upload.keywords == ("Ana", "Aninha", "Cabangu")
    assert (upload.language, upload.prompt) == ("", "")


@pytest.mark.parametrize(("languages", "told"), [(("pt",), "pt"), (("pt", "en"), "")])
async def test_older_models_get_their_own_hints(
    openai: OpenAIStandIn, languages: tuple[str, ...], told: str
) -> None:
    """They take names as a prompt, and a language only where the persona has but one."""
    persona = replace(sample(), name="Ana", aliases=(), keywords=("Cabangu",), languages=languages)

    async with listening(openai, "whisper-1", persona) as transcriber:
        await transcriber.transcribe(NOTE)

    (upload,) = openai.recordings
    assert (upload.languages, upload.keywords) == ((), ())
    assert (upload.language, upload.prompt) == (told, "Ana, Cabangu")


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("chromium.webm", "voice.webm"),
        ("short.mp3", "voice.mp3"),
        ("truncated.ogg", "voice.ogg"),
    ],
)
async def test_the_name_follows_the_bytes(openai: OpenAIStandIn, name: str, named: str) -> None:
    """What the sender calls the file matters to nobody."""
    async with listening(openai) as transcriber:
        await transcriber.transcribe(Audio(data=sound(name), content_type="audio/opus"))

    assert openai.recordings[0].file_name == named


async def test_the_length_may_be_the_vendors_to_tell(openai: OpenAIStandIn) -> None:
    """Where the format does not tell its length, it is the one that is billed."""
    async with listening(openai) as transcriber:
        heard = await transcriber.transcribe(Audio(data=sound("short.mp3"), content_type=""))

    assert heard.seconds == 3.0


async def test_silence_is_no_error(openai: OpenAIStandIn) -> None:
    """A recording in which nobody speaks has no words."""
    openai.queue("transcription", hears("  "))

    async with listening(openai) as transcriber:
        heard = await transcriber.transcribe(NOTE)

    assert (heard.text, heard.languages) == ("", ())


async def test_a_recording_without_sound_is_not_sent(openai: OpenAIStandIn) -> None:
    """Headers alone have no words, and nothing is paid to learn that."""
    async with listening(openai) as transcriber:
        heard = await transcriber.transcribe(
            Audio(data=sound("header_only.ogg"), content_type="audio/ogg")
        )

    assert (heard.text, heard.seconds) == ("", 0.0)
    assert openai.requests() == []


def lasting(seconds: int) -> bytes:
    """Return a note that sounds for about `seconds`: ten packets of 120 ms on every page."""
    packet = b"\x1b\x02"
    page = PAGE + bytes([10]) + bytes([len(packet)]) * 10 + packet * 10
    return sound("header_only.ogg") + page * (seconds * 10 // 12)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (lasting(612), "too_long"),
        (sound("header_only.ogg") + (PAGE + b"\x00") * 100_000, "too_long"),
        (sound("short.mp3") + bytes(9_600_000), "too_long"),
        (b"#!AMR\n" + bytes(100), "media_type"),
        (b"MZ" + bytes(100), "media_type"),
    ],
    ids=["over ten minutes", "uncountable", "too many bytes", "amr", "no sound"],
)
async def test_what_openai_would_refuse_is_not_sent(
    openai: OpenAIStandIn, data: bytes, code: str
) -> None:
    """Too long a recording and a kind that is not taken are told before anything is uploaded."""
    async with listening(openai) as transcriber:
        with pytest.raises(PermanentError) as raised:
            await transcriber.transcribe(Audio(data=data, content_type="audio/ogg"))

    assert raised.value.code == code
    assert openai.requests() == []


async def test_ten_minutes_are_heard(openai: OpenAIStandIn) -> None:
    """Just below the limit a recording is uploaded whole."""
    async with listening(openai) as transcriber:
        heard = await transcriber.transcribe(Audio(data=lasting(598), content_type="audio/ogg"))

    assert heard.seconds is not None
    assert 590 < heard.seconds < 600


async def test_a_day_that_is_only_claimed_does_not_matter(openai: OpenAIStandIn) -> None:
    """A note that claims 24 hours is heard for the seconds that it has."""
    async with listening(openai) as transcriber:
        heard = await transcriber.transcribe(
            Audio(data=sound("claims_a_day.ogg"), content_type="audio/ogg")
        )

    assert heard.seconds == pytest.approx(2.69, abs=0.01)


@pytest.mark.parametrize(
    "behaviour",
    [
        refused(429, "rate_limit_exceeded", retry_after=7),
        refused(500, "server_error"),
        dropped(),
        says_html(),
        cut_short(),
        always(json_answer({"text": None})),
    ],
    ids=["429", "500", "dropped", "html", "cut", "no text"],
)
async def test_what_may_pass_is_tried_once_more(
    openai: OpenAIStandIn, behaviour: Behaviour
) -> None:
    """An overload, a lost connection or an answer nobody can read is followed by a second try."""
    openai.queue("transcription", behaviour)

    async with listening(openai, pause=at_once) as transcriber:
        heard = await transcriber.transcribe(NOTE)

    assert heard.text
    assert len(openai.requests("transcription")) == 2


@pytest.mark.parametrize(
    ("behaviour", "kind", "requests"),
    [
        (refused(401, "invalid_api_key"), AccountError, 1),
        (refused(429, "insufficient_quota"), AccountError, 1),
        (refused(400, "audio_too_short"), PermanentError, 1),
        (refused(503, "server_is_overloaded"), TemporaryError, 2),
    ],
)
async def test_refusals_have_their_class(
    openai: OpenAIStandIn, behaviour: Behaviour, kind: type[VendorError], requests: int
) -> None:
    """What never passes is asked once, what may pass twice, and never by the client itself."""
    openai.whenever("transcription", behaviour)

    async with listening(openai, pause=at_once) as transcriber:
        with pytest.raises(kind):
            await transcriber.transcribe(NOTE)

    assert len(openai.requests("transcription")) == requests


async def test_the_turns_deadline_ends_the_wait(openai: OpenAIStandIn) -> None:
    """A vendor that does not answer is left when the turn's time is over."""
    openai.whenever("transcription", stalled(60))
    async with listening(openai) as transcriber:
        end = asyncio.get_running_loop().time() + 0.3
        with shared_deadline(end), pytest.raises(TemporaryError) as raised:
            await transcriber.transcribe(NOTE)

    assert raised.value.code == "deadline"


async def test_many_are_heard_at_once(openai: OpenAIStandIn) -> None:
    """Fifty notes take the time of one, by one client."""
    openai.hearing_latency = 0.5
    async with listening(openai) as transcriber:
        await transcriber.transcribe(NOTE)
        began = asyncio.get_running_loop().time()
        await asyncio.gather(*(transcriber.transcribe(NOTE) for _ in range(50)))
        took = asyncio.get_running_loop().time() - began

    assert took < 2.0


async def test_a_first_note_cut_short_leaves_the_client_to_others(openai: OpenAIStandIn) -> None:
    """A turn without time takes nothing from the turn beside it."""
    async with listening(openai) as transcriber:
        hasty = asyncio.create_task(transcriber.transcribe(NOTE))
        patient = asyncio.create_task(transcriber.transcribe(NOTE))
        await asyncio.sleep(0)
        hasty.cancel()

        assert (await patient).text


def test_settings_name_the_transcriber() -> None:
    """It is off without a key, on with one, and a wrong name is told with its remedy."""

    def built(**env: str) -> Sound:
        return Sound(Settings.from_env(env), sample())

    assert built().transcriber is None
    assert built(OPENAI_API_KEY="k").transcriber is not None
    assert built(OPENAI_API_KEY="k", CLONE_TRANSCRIBER="none").transcriber is None
    assert built(OPENAI_BASE_URL="http://127.0.0.1:1/v1", CLONE_TRANSCRIBER="whisper-1").transcriber
    with pytest.raises(SettingsError, match="openai:gpt-transcribe"):
        built(CLONE_TRANSCRIBER="google:chirp")
    with pytest.raises(SettingsError, match="OPENAI_API_KEY"):
        built(CLONE_TRANSCRIBER="openai:gpt-transcribe")
