"""Brings what contacts recorded to the worker, from wherever their channel keeps it."""

import asyncio
from typing import Protocol

from agent.errors import PermanentError
from agent.messages import Audio, Media
from agent.ports import Recordings
from channels.media_store import MediaStore
from channels.uploads import Uploads, name_of


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
