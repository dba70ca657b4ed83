"""Many voice notes at once keep neither each other waiting nor those who write."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import pytest

from agent.messages import Kind, Media, Reply, Turn, TurnMessage
from app import Application
from tests.e2e.house import offline_settings, openai_settings, twilio_settings
from tests.sounds import sound
from tests.standins.chat import Chat, prompt_text
from tests.standins.elevenlabs import ElevenLabsStandIn
from tests.standins.openai import OpenAIStandIn
from tests.standins.prompt import ordinary_answer
from tests.standins.twilio import TwilioStandIn

_NOTES = 8
_HEARING_SECONDS, _SPEAKING_SECONDS = 0.6, 0.4


class Loop:
    """Looks at its event loop as often as it can."""

    def __init__(self) -> None:
        #: The longest time in seconds for which the loop let nobody else run.
        self.longest = 0.0

    async def watch(self) -> None:
        """Watch until cancelled."""
        while True:
            due = time.monotonic() + 0.002
            await asyncio.sleep(0.002)
            self.longest = max(self.longest, time.monotonic() - due)


class Talk:
    """A clone that hears and speaks by vendors on loopback."""

    def __init__(self, application: Application, twilio: TwilioStandIn) -> None:
        self._application = application
        self._twilio = twilio
        self._numbers = count()

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Talk"]:
        """Let the clone answer during a block."""
        async with self._application.clone() as self._clone:
            yield self

    async def write(self) -> float:
        """Let somebody new write; return the seconds until the reply."""
        took, reply = await self._turn(_message(text="Quando foi o primeiro voo do 14-bis?"))
        assert reply.voice is None
        return took

    async def say(self) -> float:
        """Let somebody new send a voice note; return the seconds until the spoken reply."""
        note = Media(url=self._twilio.add_media(sound("voice_note.ogg")), content_type="audio/ogg")
        took, reply = await self._turn(_message(media=(note,)))
        assert reply.voice is not None
        return took

    async def _turn(self, message: TurnMessage) -> tuple[float, Reply]:
        number = next(self._numbers)
        turn = Turn(id=f"t{number}", contact=f"c{number}", channel="whatsapp", messages=(message,))
        began = time.monotonic()
        reply = await self._clone.answer(turn, asyncio.get_running_loop().time() + 30)
        return time.monotonic() - began, reply


def _message(text: str = "", media: tuple[Media, ...] = ()) -> TurnMessage:
    kind: Kind = "audio" if media else "text"
    return TurnMessage(id="m", kind=kind, text=text, media=media, received_at=time.time())


def _new_answers() -> Callable[[Chat], str]:
    """Never say the same twice: what was spoken once would not be asked of the voice again."""
    numbers = count(1)

    def reply(chat: Chat) -> str:
        return f"Conto {next(numbers)}: {ordinary_answer(prompt_text(chat['messages'][-1:]))}"

    return reply


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    """A clone whose vendors take their time, and that has heard and spoken once."""
    with (
        TwilioStandIn() as twilio,
        OpenAIStandIn(latency=0.2, hearing_latency=_HEARING_SECONDS) as openai,
        ElevenLabsStandIn(latency=_SPEAKING_SECONDS) as elevenlabs,
    ):
        openai.reply = _new_answers()
        settings = {
            **offline_settings(tmp_path),
            **twilio_settings(twilio),
            **openai_settings(openai),
            "ELEVENLABS_API_KEY": elevenlabs.api_key,
            "ELEVENLABS_VOICE_ID": elevenlabs.voice_id,
            "ELEVENLABS_BASE_URL": elevenlabs.url,
        }
        application = Application(settings)
        async with Talk(application, twilio).open() as talk:
            await talk.say()
            yield talk
        application.database.close()


async def test_many_notes_take_little_longer_than_one(talk: Talk) -> None:
    """Notes that come together are heard and spoken together, and the loop stays free."""
    one = await talk.say()
    loop = Loop()
    watching = asyncio.create_task(loop.watch())

    took = await asyncio.gather(*(talk.say() for _ in range(_NOTES)))

    watching.cancel()
    assert max(took) < 2 * one
    assert loop.longest < 0.25


async def test_who_writes_does_not_wait_for_those_who_talk(talk: Talk) -> None:
    """A written question is answered about as soon beside voice notes as alone."""
    await talk.write()
    alone = await talk.write()
    notes = [asyncio.create_task(talk.say()) for _ in range(_NOTES)]

    beside = [await talk.write() for _ in range(3)]

    await asyncio.gather(*notes)
    # Far below what a note takes, on a machine with other work too.
    assert min(beside) < 1.5 * alone
    assert max(beside) < alone + _HEARING_SECONDS
