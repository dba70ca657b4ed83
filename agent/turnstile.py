"""Lets processes write to one database about in the order in which they came."""

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.errors import StorageError

#: As long as SQLite itself would wait for its lock.
_PATIENCE_SECONDS = 5.0
#: SQLite sleeps 1, 2, 5, 10, … 100 ms between looks, so that whoever commits again at once
#: always comes first; here nobody sleeps longer than this.
_LOOK_SECONDS = 0.0005


class Turnstile:
    """Two locks of files: who waits for the second holds the first, so no third overtakes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._files: tuple[int, int] | None = None
        self._mutex = threading.Lock()

    @contextmanager
    def passed(self) -> Iterator[None]:
        """Hold the place of the only writer; raises `StorageError` after 5 seconds of waiting.

        Threads of one process must take turns by themselves.
        """
        waiting, writing = self._opened()
        end = time.monotonic() + _PATIENCE_SECONDS
        _take(waiting, end)
        try:
            _take(writing, end)
        finally:
            fcntl.flock(waiting, fcntl.LOCK_UN)
        try:
            yield
        finally:
            fcntl.flock(writing, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go of the files."""
        with self._mutex:
            for file in self._files or ():
                os.close(file)
            self._files = None

    def _opened(self) -> tuple[int, int]:
        with self._mutex:
            if self._files is None:
                self._files = (_open(self._path, ".waiting"), _open(self._path, ".writing"))
            return self._files


def _open(path: Path, ending: str) -> int:
    name = path.with_name(path.name + ending)
    try:
        return os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageError(f"cannot write to {path.parent}: {error.strerror}") from error


def _take(file: int, end: float) -> None:
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                raise StorageError("the database is locked by another process") from None
            time.sleep(_LOOK_SECONDS)
        else:
            return
