"""Keeps recordings until their retention: replies that were spoken, and the simulator's own."""

import os
import re
import secrets
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from agent.errors import StorageError
from agent.settings import Settings
from channels.ledger import Ledger

#: What may be kept, and the ending that its name gets. WhatsApp refuses `audio/opus`, though it
#: is what an Ogg file of a voice holds: https://github.com/chatwoot/chatwoot/issues/12713
_ENDINGS = {
    "audio/ogg": "ogg",
    "audio/mpeg": "mp3",
    "audio/webm": "webm",
    "audio/mp4": "m4a",
    "audio/aac": "aac",
    "audio/amr": "amr",
    "audio/amr-wb": "awb",
    "audio/wav": "wav",
    "audio/flac": "flac",
    "audio/3gpp": "3gp",
}
#: A name as a pattern: 128 random bits and an ending, nothing that a path could be made of.
NAME = rf"[A-Za-z0-9_-]{{22}}\.(?:{'|'.join(_ENDINGS.values())})"
_NAME = re.compile(NAME)
#: A file without a row may be about to get one, but not for so long.
_STRAY_SECONDS = 3600.0


class Kept(NamedTuple):
    """A recording as it was kept; `created_at` in Unix seconds."""

    data: bytes
    content_type: str
    created_at: float


class MediaStore:
    """Recordings by names that nobody can guess; every method may be called from any thread.

    The bytes are files of `folder`, or, without one, rows of a database that every machine of
    the installation reaches.
    """

    def __init__(
        self, ledger: Ledger, folder: Path | None, clock: Callable[[], float] = time.time
    ) -> None:
        self._ledger = ledger
        self._queries = ledger.queries
        self._files = None if folder is None else _Files(folder)
        self._clock = clock

    def save(self, data: bytes, content_type: str, words: str = "") -> str:
        """Keep a recording, with the words it speaks, and return its name.

        Raises `StorageError` when it could not be kept, `ValueError` for what is no sound.
        """
        if content_type not in _ENDINGS:
            raise ValueError(f"no recording: {content_type}")
        name = f"{secrets.token_urlsafe(16)}.{_ENDINGS[content_type]}"
        row = {
            "name": name,
            "content_type": content_type,
            "words": words,
            "now": self._clock(),
        }
        if self._files is None:
            with self._ledger.write() as connection:
                self._queries.postgres.insert_media(connection, data=data, **row)
            return name
        # The file first: what a row names is there, whole, whenever this process dies.
        self._files.write(name, data)
        with self._ledger.write() as connection:
            self._queries.insert_media(connection, **row)
        return name

    def read(self, name: str) -> Kept | None:
        """Return a recording, or None for a name that is not, or no longer, one of ours.

        Raises `StorageError`.
        """
        if not _NAME.fullmatch(name):
            return None
        with self._ledger.read() as connection:
            if self._files is None:
                row = self._queries.postgres.media_with_data(connection, name=name)
            else:
                row = self._queries.media(connection, name=name)
        if row is None:
            return None
        data = row["data"] if self._files is None else self._files.read(name)
        return None if data is None else Kept(data, row["content_type"], row["created_at"])

    def words(self, name: str) -> str:
        """Return the words that a recording speaks, empty when they are not known any more.

        Raises `StorageError`.
        """
        if not _NAME.fullmatch(name):
            return ""
        with self._ledger.read() as connection:
            row = self._queries.media(connection, name=name)
        return row["words"] if row else ""

    def oldest(self) -> float | None:
        """Return when the oldest recording was kept, None when there is none; `StorageError`."""
        with self._ledger.read() as connection:
            return _number(self._queries.oldest_media(connection))

    def expire(self, before: float) -> int:
        """Delete what was kept before a moment in Unix seconds; returns how many recordings.

        Files that no row names, for a process died between the two, go as well once they are an
        hour old. Raises `StorageError`; what is left then goes the next time.
        """
        with self._ledger.read() as connection:
            names = {row["name"] for row in self._queries.names_of_media(connection)}
            expired = self._queries.expired_media(connection, before=before)
            gone = {row["name"] for row in expired}
        if gone:
            with self._ledger.write() as connection:
                self._queries.delete_media(connection, before=before)
        if self._files is not None:
            self._files.remove(gone)
            self._files.remove_strays(names, self._clock() - _STRAY_SECONDS)
        return len(gone)


def media_store(ledger: Ledger, settings: Settings) -> MediaStore:
    """Return the store of this installation."""
    return MediaStore(ledger, None if settings.database_url else settings.data / "media")


class _Files:
    """One folder of files that only this user may read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, name: str, data: bytes) -> None:
        """Write a whole file or none."""
        draft: Path | None = None
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, path = tempfile.mkstemp(dir=self._folder)  # 0600
            draft = Path(path)
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._folder / name)
        except OSError as error:
            if draft is not None:
                draft.unlink(missing_ok=True)
            raise _refused("written", error) from error

    def read(self, name: str) -> bytes | None:
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _refused("read", error) from error

    def remove(self, names: set[str]) -> None:
        try:
            for name in names:
                (self._folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise _refused("deleted", error) from error

    def remove_strays(self, names: set[str], before: float) -> None:
        """Remove the files that are older than a moment and have no such name."""
        try:
            for path in self._folder.iterdir() if self._folder.is_dir() else ():
                if path.name not in names and path.is_file() and path.stat().st_mtime < before:
                    path.unlink(missing_ok=True)
        except FileNotFoundError:
            pass  # another worker was faster; the rest is for the next time
        except OSError as error:
            raise _refused("deleted", error) from error


def _refused(what: str, error: OSError) -> StorageError:
    # Without the name: it opens the recording to whoever reads the log.
    return StorageError(f"a recording cannot be {what}: {error.strerror}")


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)
