"""Recordings of replies: kept and signed, and spoken again when the channel wants another form."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.keys import Keys
from agent.messages import Audio, Reply
from agent.settings import Secret
from channels.database import Database
from channels.media_links import MediaLinks
from channels.media_store import MediaStore
from channels.outbox import Part
from channels.recorder import Recorder
from tests.fakes import FakeVoice, ManualClock, sound


class Studio:
    """A recorder with its store and its voice."""

    def __init__(self, data: Path) -> None:
        self.clock = ManualClock()
        self.database = Database(data / "clone.db")
        self.store = MediaStore(self.database, data / "media", self.clock)
        self.links = MediaLinks(Keys(Secret("k" * 32)), 1.0, self.clock)
        self.voice = FakeVoice()
        self.recorder = Recorder(self.store, self.links, self.voice, seconds=0.2)

    async def part(self, form: str = "ogg", words: str = "words") -> Part:
        """Return a recording as the outbox holds it."""
        voice = sound("sound", "ogg" if form == "ogg" else "mp3")
        draft = await self.recorder.record("c", Reply(text=words, voice=voice), "body")
        assert draft
        return Part(
            id="t:0",
            turn_id="t",
            contact="ana",
            channel="c",
            address="a",
            body=draft.body,
            form=draft.form,
            media=draft.media,
            attempts=1,
        )


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    """A recorder on a new database."""
    studio = Studio(tmp_path)
    yield studio
    studio.database.close()


async def test_the_words_that_were_spoken_are_kept(studio: Studio) -> None:
    """What was said may differ from what is written; it is kept for the second form."""
    reply = Reply(text="**Oi**", spoken="Oi", voice=sound("sound"))

    draft = await studio.recorder.record("c", reply, "*Oi*")

    assert draft
    assert (draft.body, draft.form) == ("*Oi*", "ogg")
    name = studio.links.name(draft.media)
    assert name
    assert studio.store.words(name) == "Oi"


async def test_no_sound_no_recording(studio: Studio) -> None:
    """A reply without a voice, and sound that no message can carry, make none."""
    wav = Audio(data=b"RIFF", content_type="audio/wav")

    assert await studio.recorder.record("c", Reply(text="a"), "a") is None
    assert await studio.recorder.record("c", Reply(text="a", voice=wav), "a") is None


async def test_it_is_spoken_again_as_mp3(studio: Studio) -> None:
    """The second form has a link of its own, the same words and the same body."""
    part = await studio.part()

    draft = await studio.recorder.again(part)

    assert draft
    assert (draft.body, draft.form) == ("body", "mp3")
    assert draft.media.endswith(".mp3")
    assert studio.voice.asked == [("words", "mp3")]


async def test_nothing_is_spoken_a_third_time(studio: Studio) -> None:
    """An MP3 that was refused too is not spoken again, nor is a text."""
    mp3 = await studio.part("mp3")

    assert await studio.recorder.again(mp3) is None
    assert studio.voice.asked == []


async def test_without_a_voice_there_is_no_second_form(studio: Studio) -> None:
    """A clone that was silenced since sends the words."""
    silent = Recorder(studio.store, studio.links)

    assert await silent.again(await studio.part()) is None


async def test_a_voice_that_hangs_is_not_waited_for(studio: Studio) -> None:
    """A contact waits for the second form for a limited time only."""
    studio.voice.open.clear()

    async with asyncio.timeout(5):
        assert await studio.recorder.again(await studio.part()) is None


async def test_a_voice_with_one_form_is_not_asked_for_ever(studio: Studio) -> None:
    """What comes back in the form that was refused counts as a failure."""

    class OneForm(FakeVoice):
        async def speak(self, text: str, form: object = "ogg") -> Audio:
            return sound(text, "ogg")

    recorder = Recorder(studio.store, studio.links, OneForm())

    assert await recorder.again(await studio.part()) is None


async def test_a_link_that_has_expired_is_not_renewed(studio: Studio) -> None:
    """Words that should have been deleted by now are not spoken again."""
    part = await studio.part()
    studio.clock.advance(3601)

    assert await studio.recorder.again(part) is None
    assert studio.voice.asked == []
