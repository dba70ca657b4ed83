"""What is recorded in the simulator: taken in and kept, and brought to whoever hears it."""

import asyncio
from typing import Protocol

from agent.errors import PermanentError
from agent.media_types import type_of
from agent.messages import Audio, Media
from agent.ports import Recordings
from channels.media_store import MediaStore

_SCHEME = "simulator:"


class Uploads:
    """The recordings of the simulator's contacts."""

    def __init__(self, store: MediaStore) -> None:
        self._store = store

    def keep(self, data: bytes) -> Media | None:
        """Keep a recording as what its bytes show it to be; None for what is no sound.

        Raises `StorageError`.
        """
        content_type = type_of(data)
        if content_type is None or not content_type.startswith("audio/"):
            return None
        name = self._store.save(data, content_type)
        return Media(url=f"{_SCHEME}{name}", content_type=content_type)

    def read(self, name: str) -> Audio | None:
        """Return a recording as long as it is kept; raises `StorageError`."""
        kept = self._store.read(name)
        return None if kept is None else Audio(data=kept.data, content_type=kept.content_type)


class Others(Recordings, Protocol):
    """What brings the recordings of another channel, over connections of its own."""

    async def close(self) -> None:
        """Close the connections."""
        ...


class SimulatorRecordings:
    """The `Recordings` of the simulator; whatever is not its own it leaves to `others`."""

    def __init__(self, store: MediaStore, others: Others | None = None) -> None:
        self._uploads = Uploads(store)
        self._others = others

    async def fetch(self, media: Media) -> Audio:
        """Return the recording.

        Raises `PermanentError`, with code `media_refused` for what nobody here keeps and
        `media_gone` for what is not kept any more; else what `others` raise.
        """
        name = name_of(media)
        if not name and self._others is not None:
            return await self._others.fetch(media)
        if not name:
            raise PermanentError("the address is not of the simulator", code="media_refused")
        # A disk, or a database, is read: not on the event loop.
        found = await asyncio.to_thread(self._uploads.read, name)
        if found is None:
            raise PermanentError("the recording is not kept any more", code="media_gone")
        return found

    async def aclose(self) -> None:
        """Close what the others opened."""
        if self._others is not None:
            await self._others.close()


def name_of(media: Media) -> str:
    """Return the name of a recording of the simulator; empty for any other file."""
    return media.url.removeprefix(_SCHEME) if media.url.startswith(_SCHEME) else ""
