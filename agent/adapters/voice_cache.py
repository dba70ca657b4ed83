"""Keeps what a voice has said, so that the same words are paid for once."""

import asyncio
import hashlib
import json
import logging
import os
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from weakref import WeakValueDictionary

from agent.errors import TemporaryError
from agent.messages import Audio
from agent.ports import SoundForm, Voice
from agent.vendors import deadline

#: About 2,000 voice notes of 8 s.
_MOST_BYTES = 64_000_000
#: What nobody wanted for so long is not kept, however much room there is.
_UNUSED_SECONDS = 30 * 86_400
#: Names what is being written, by this process or another: it goes when nobody can be at it.
_DRAFT, _DRAFT_SECONDS = "draft-", 3600.0
_TYPES: dict[SoundForm, str] = {"ogg": "audio/ogg", "mp3": "audio/mpeg"}
_DIGEST_BYTES = hashlib.sha256().digest_size

_log = logging.getLogger(__name__)


class VoiceCache:
    """A voice with a memory on disk; words asked for twice at once are spoken once.

    `identity` tells this voice and its settings from any other. A disk that fails costs money,
    never a reply. To empty it, delete the folder: it may go at any time.
    """

    def __init__(
        self, voice: Voice, folder: Path, identity: str, *, most_bytes: int = _MOST_BYTES
    ) -> None:
        self._voice = voice
        self._folder = folder
        self._identity = identity
        self._most_bytes = most_bytes
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def speak(self, text: str, form: SoundForm = "ogg") -> Audio:
        """Return the sound that was kept, or what the voice says now; raises what it raises."""
        name = self._name(text, form)
        async with self._turn(name):
            data = await asyncio.to_thread(self._read, name)
            if data is not None:
                return Audio(data=data, content_type=_TYPES[form])
            audio = await self._voice.speak(text, form)
            await asyncio.to_thread(self._write, name, audio.data)
            return audio

    async def holds(self, text: str, form: SoundForm = "ogg") -> bool:
        """Tell whether these words would cost nothing."""
        return await asyncio.to_thread(self._read, self._name(text, form)) is not None

    def _name(self, text: str, form: SoundForm) -> str:
        words = json.dumps([self._identity, form, text]).encode()
        return hashlib.sha256(words).hexdigest()

    @asynccontextmanager
    async def _turn(self, name: str) -> AsyncIterator[None]:
        """Let one at a time make a sound: who comes second finds it made."""
        lock = self._turns.setdefault(name, asyncio.Lock())
        try:
            async with asyncio.timeout_at(deadline()):
                await lock.acquire()
        except TimeoutError as error:
            raise TemporaryError(
                "the same words are still being spoken", code="deadline"
            ) from error
        try:
            yield
        finally:
            lock.release()

    def _read(self, name: str) -> bytes | None:
        path = self._folder / name
        try:
            kept = path.read_bytes()
            digest, data = kept[:_DIGEST_BYTES], kept[_DIGEST_BYTES:]
            if hashlib.sha256(data).digest() != digest:
                path.unlink()
                return None
            # What is used last goes last.
            os.utime(path)
        except FileNotFoundError:
            return None
        except OSError:
            _log.warning("voice cache cannot be read", extra={"action": "voice_cache_failed"})
            return None
        return data

    def _write(self, name: str, data: bytes) -> None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, draft = tempfile.mkstemp(prefix=_DRAFT, dir=self._folder)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(hashlib.sha256(data).digest() + data)
                Path(draft).replace(self._folder / name)
            except OSError:
                Path(draft).unlink(missing_ok=True)
                raise
            self._make_room()
        except OSError:
            _log.warning("voice cache cannot be written", extra={"action": "voice_cache_failed"})

    def _make_room(self) -> None:
        """Let go what was used longest ago; left-over drafts are among it."""
        kept, now = [], time.time()
        for path in self._folder.iterdir():
            # Another reply's draft may get its name, or an old sound go, at this very moment.
            with suppress(FileNotFoundError):
                about = path.stat()
                if path.name.startswith(_DRAFT) and about.st_mtime > now - _DRAFT_SECONDS:
                    continue
                kept.append((about.st_mtime, about.st_size, path))
        kept.sort()
        room = self._most_bytes - sum(size for _, size, _ in kept)
        oldest = now - _UNUSED_SECONDS
        for used_at, size, path in kept:
            if room >= 0 and used_at >= oldest:
                return
            path.unlink(missing_ok=True)
            room += size
