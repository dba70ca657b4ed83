"""Makes the spoken forms of replies: kept, signed, and drafted for the outbox."""

import asyncio
import logging
from collections.abc import Collection

from agent.errors import StorageError
from agent.messages import Audio, Reply
from agent.ports import Voice
from agent.vendors import shared_deadline
from channels.media_links import MediaLinks
from channels.media_store import MediaStore
from channels.outbox import Draft, Form, Part

#: How long a contact who is owed a recording waits for it to be spoken again.
_SECONDS = 30.0
_FORMS: dict[str, Form] = {"audio/ogg": "ogg", "audio/mpeg": "mp3"}

_log = logging.getLogger(__name__)


class Recorder:
    """Turns a reply's sound into a message; where that fails, the words go, and nobody waits.

    `mute` are the channels that cannot fetch a recording here. Without a `voice`, nothing is
    spoken a second time.
    """

    def __init__(
        self,
        store: MediaStore,
        links: MediaLinks,
        voice: Voice | None = None,
        mute: Collection[str] = (),
        seconds: float = _SECONDS,
    ) -> None:
        self._store = store
        self._links = links
        self._voice = voice
        self._mute = mute
        self._seconds = seconds

    def is_mute(self, channel: str) -> bool:
        """Tell whether a channel gets no recordings."""
        return channel in self._mute

    async def record(self, channel: str, reply: Reply, body: str) -> Draft | None:
        """Return a message of the reply's sound; `body` goes where the sound cannot.

        None when there is no sound, or no way to send it.
        """
        if reply.voice is None or self.is_mute(channel):
            return None
        try:
            return await self._draft(reply.voice, reply.spoken or reply.text, body)
        except StorageError as error:
            _log.error(
                "recording not kept, the words go",
                extra={"action": "recording_lost", "error": str(error)},
            )
            return None

    async def again(self, part: Part) -> Draft | None:
        """Return the part as MP3, spoken anew for it: some gateways refuse sound Ogg files.

        None when it is MP3 already, or when that fails or takes longer than 30 seconds.
        """
        if self._voice is None or part.form != "ogg":
            return None
        end = asyncio.get_running_loop().time() + self._seconds
        try:
            with shared_deadline(end):
                async with asyncio.timeout_at(end):
                    return await self._speak(self._voice, part)
        except Exception as error:  # noqa: BLE001 - whatever keeps the sound back, the words can go
            _log.warning(
                "recording not spoken again, the words go",
                extra={
                    "action": "recording_lost",
                    "part_id": part.id,
                    "error": type(error).__name__,
                },
            )
            return None

    async def _speak(self, voice: Voice, part: Part) -> Draft | None:
        name = self._links.name(part.media)
        words = await asyncio.to_thread(self._store.words, name) if name else ""
        if not words:
            return None
        draft = await self._draft(await voice.speak(words, "mp3"), words, part.body)
        # The form that was just refused would be refused again, and be asked for again.
        return draft if draft is not None and draft.form == "mp3" else None

    async def _draft(self, audio: Audio, words: str, body: str) -> Draft | None:
        form = _FORMS.get(audio.content_type)
        if form is None:
            _log.error("no form for this sound", extra={"action": "recording_lost"})
            return None
        # A file, or a row of half a megabyte: neither belongs on the event loop, or into the
        # transactions that the contacts' work shares.
        name = await asyncio.to_thread(self._store.save, audio.data, audio.content_type, words)
        return Draft(body, form, self._links.sign(name))
