"""What is recorded in the simulator: taken in, kept and read again."""

from agent.media_types import type_of
from agent.messages import Audio, Media
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


def name_of(media: Media) -> str:
    """Return the name of a recording of the simulator; empty for any other file."""
    return media.url.removeprefix(_SCHEME) if media.url.startswith(_SCHEME) else ""
