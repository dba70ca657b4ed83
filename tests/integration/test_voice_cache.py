"""What a voice has said is kept on disk, bounded, and never served damaged."""

import asyncio
import logging
import os
import stat
import time
from pathlib import Path

import pytest

from agent.adapters.voice_cache import VoiceCache
from agent.errors import PermanentError, TemporaryError
from agent.messages import Audio
from agent.ports import SoundForm
from agent.vendors import shared_deadline


class PaidVoice:
    """Says the words back and records every time it is paid; waits while it is not `free`."""

    def __init__(self) -> None:
        self.paid: list[tuple[str, str]] = []
        self.asked: asyncio.Queue[str] = asyncio.Queue()
        self.free = asyncio.Event()
        self.free.set()
        self.refuses: Exception | None = None

    async def speak(self, text: str, form: SoundForm = "ogg") -> Audio:
        self.paid.append((text, form))
        self.asked.put_nowait(text)
        await self.free.wait()
        if self.refuses:
            raise self.refuses
        return Audio(
            data=f"{form}:{text}".encode(),
            content_type={"ogg": "audio/ogg", "mp3": "audio/mpeg"}[form],
        )


@pytest.fixture
async def voice() -> PaidVoice:
    """Return a voice that counts what it is paid for."""
    return PaidVoice()


def files(folder: Path) -> list[Path]:
    """Return what is kept, the longest unused first."""
    return sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)


async def test_the_same_words_are_paid_once(voice: PaidVoice, tmp_path: Path) -> None:
    """They come from the disk the second time, also after a restart, byte for byte."""
    cache = VoiceCache(voice, tmp_path / "kept", "one")

    said = await cache.speak("oi")

    assert await cache.speak("oi") == said
    assert await VoiceCache(voice, tmp_path / "kept", "one").speak("oi") == said
    assert voice.paid == [("oi", "ogg")]


async def test_other_words_forms_and_voices_are_others(voice: PaidVoice, tmp_path: Path) -> None:
    """Text, form and the voice's identity each make another sound."""
    cache, another = VoiceCache(voice, tmp_path, "one"), VoiceCache(voice, tmp_path, "two")

    for one in (cache, another):
        for text in ("oi", "olá"):
            assert (await one.speak(text)).content_type == "audio/ogg"
            assert (await one.speak(text, "mp3")).content_type == "audio/mpeg"

    assert len(voice.paid) == 8
    assert (await cache.speak("oi", "mp3")).data == b"mp3:oi"
    assert len(voice.paid) == 8


async def test_what_costs_nothing_can_be_asked(voice: PaidVoice, tmp_path: Path) -> None:
    """Whether words are kept is told without speaking them."""
    cache = VoiceCache(voice, tmp_path, "one")

    assert not await cache.holds("oi")
    await cache.speak("oi")

    assert await cache.holds("oi")
    assert not await cache.holds("oi", "mp3")
    assert len(voice.paid) == 1


async def test_words_asked_for_at_once_are_paid_once(voice: PaidVoice, tmp_path: Path) -> None:
    """Who asks while they are being spoken waits for them; other words do not wait."""
    cache = VoiceCache(voice, tmp_path, "one")
    voice.free.clear()
    asked = [asyncio.create_task(cache.speak("oi")) for _ in range(10)]
    asked.append(asyncio.create_task(cache.speak("olá")))
    await voice.asked.get()
    await voice.asked.get()

    voice.free.set()
    said = await asyncio.gather(*asked)

    assert {audio.data for audio in said} == {b"ogg:oi", "ogg:olá".encode()}
    assert sorted(voice.paid) == [("oi", "ogg"), ("olá", "ogg")]


async def test_a_cancelled_first_leaves_the_second_to_speak(
    voice: PaidVoice, tmp_path: Path
) -> None:
    """A turn that is given up takes nothing from the one that waits for the same words."""
    cache = VoiceCache(voice, tmp_path, "one")
    voice.free.clear()
    first = asyncio.create_task(cache.speak("oi"))
    await voice.asked.get()
    second = asyncio.create_task(cache.speak("oi"))
    await asyncio.sleep(0)

    first.cancel()
    voice.free.set()

    assert (await second).data == b"ogg:oi"


async def test_waiting_ends_with_the_turn(voice: PaidVoice, tmp_path: Path) -> None:
    """Who waits for another's words waits no longer than its own turn has time."""
    cache = VoiceCache(voice, tmp_path, "one")
    voice.free.clear()
    first = asyncio.create_task(cache.speak("oi"))
    await voice.asked.get()

    now = asyncio.get_running_loop().time()
    with shared_deadline(now + 0.05), pytest.raises(TemporaryError) as raised:
        await cache.speak("oi")
    voice.free.set()
    await first

    assert raised.value.code == "deadline"


async def test_a_failure_is_not_kept(voice: PaidVoice, tmp_path: Path) -> None:
    """What the voice raises is raised, and the next time it is asked again."""
    cache = VoiceCache(voice, tmp_path, "one")
    voice.refuses = PermanentError("no", code="voice_not_found")
    with pytest.raises(PermanentError):
        await cache.speak("oi")

    voice.refuses = None

    assert (await cache.speak("oi")).data == b"ogg:oi"


async def test_only_the_owner_reads_them(voice: PaidVoice, tmp_path: Path) -> None:
    """Files and folder are closed to the machine's other users, and the words are in no name."""
    cache = VoiceCache(voice, tmp_path / "data" / "kept", "one")

    await cache.speak("segredo")

    (kept,) = files(tmp_path / "data" / "kept")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    assert len(kept.name) == 64


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty", "longer"])
async def test_damage_is_never_served(voice: PaidVoice, tmp_path: Path, damage: str) -> None:
    """A file that is not what was written is spoken anew, and then kept again."""
    cache = VoiceCache(voice, tmp_path, "one")
    await cache.speak("oi")
    (kept,) = files(tmp_path)
    whole = kept.read_bytes()
    kept.write_bytes(
        {
            "flipped": whole[:-1] + bytes([whole[-1] ^ 1]),
            "cut": whole[:-1],
            "empty": b"",
            "longer": whole + b"\x00",
        }[damage]
    )

    assert (await cache.speak("oi")).data == b"ogg:oi"
    assert len(voice.paid) == 2
    assert kept.read_bytes() == whole


async def test_room_is_bounded(voice: PaidVoice, tmp_path: Path) -> None:
    """What was used longest ago goes first; what was only heard again stays."""
    cache = VoiceCache(voice, tmp_path, "one", most_bytes=3 * 37)
    for age, text in enumerate("abc"):
        await cache.speak(text)
        for path in files(tmp_path):
            os.utime(path, (path.stat().st_mtime - 100 * (3 - age),) * 2)

    await cache.speak("a")
    await cache.speak("d")

    assert [await cache.holds(text) for text in "abcd"] == [True, False, True, True]
    assert sum(path.stat().st_size for path in files(tmp_path)) <= 3 * 37


async def test_what_nobody_wants_any_more_goes(voice: PaidVoice, tmp_path: Path) -> None:
    """Words unused for a month, and what a crash left half written, are let go."""
    cache = VoiceCache(voice, tmp_path, "one")
    await cache.speak("antigo")
    (tmp_path / "draft-half").write_bytes(b"half")
    for path in files(tmp_path):
        os.utime(path, (time.time() - 31 * 86_400,) * 2)

    await cache.speak("novo")

    assert not await cache.holds("antigo")
    assert len(files(tmp_path)) == 1


async def test_many_are_kept_at_once(
    voice: PaidVoice, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Fifty replies that are kept and make room at the same moment do not disturb each other."""
    cache = VoiceCache(voice, tmp_path, "one", most_bytes=25 * 40)

    await asyncio.gather(*(cache.speak(f"{n:02}") for n in range(50)))

    assert caplog.records == []
    assert sum(path.stat().st_size for path in files(tmp_path)) <= 25 * 40


async def test_a_broken_disk_costs_no_reply(
    voice: PaidVoice, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Where nothing can be kept the voice still speaks, and the log says so without the words."""
    (tmp_path / "kept").write_text("no folder")
    cache = VoiceCache(voice, tmp_path / "kept", "one")

    with caplog.at_level(logging.WARNING):
        assert (await cache.speak("segredo")).data == b"ogg:segredo"

    assert "segredo" not in caplog.text
    assert {record.__dict__["action"] for record in caplog.records} == {"voice_cache_failed"}
