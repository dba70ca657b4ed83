"""Generations of the index on disk: built aside, published by one rename, then never changed."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.errors import StorageError

_POINTER = "current"
_LOCK = "lock"


class Generations:
    """The numbered folders below `home` and the pointer that names the current one."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def current(self) -> Path | None:
        """Return the folder of the current generation, None when there is none."""
        try:
            number = (self._home / _POINTER).read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            return None
        folder = self._home / number
        return folder if number.isdigit() and folder.is_dir() else None

    @contextmanager
    def building(self) -> Iterator[None]:
        """Keep every other builder out, in this process and in others; waits for its turn.

        Raises `StorageError` when the folder cannot be made or written.
        """
        try:
            self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self._home / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StorageError(
                f"cannot write to {self._home} ({error.strerror}); set CLONE_DATA to a folder "
                "that this user may write to"
            ) from error
        try:
            # Gone with the process, however it ends.
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def begin(self) -> Path:
        """Make the empty folder of the next generation; only while `building`."""
        self._remove_all_but(self.current())
        number = max((int(folder.name) for folder in self._folders()), default=0) + 1
        folder = self._home / str(number)
        folder.mkdir(mode=0o700)
        return folder

    def publish(self, folder: Path) -> None:
        """Make `folder` the current generation and remove the others; only while `building`.

        Who has an older one open keeps reading it: its files go when they are closed.
        """
        for path in [*folder.iterdir(), folder]:
            _sync(path)
        pointer = self._home / f"{_POINTER}.new"
        pointer.write_text(f"{folder.name}\n", encoding="ascii")
        _sync(pointer)
        pointer.replace(self._home / _POINTER)
        _sync(self._home)
        self._remove_all_but(folder)

    def _remove_all_but(self, kept: Path | None) -> None:
        for folder in self._folders():
            if folder != kept:
                shutil.rmtree(folder, ignore_errors=True)

    def _folders(self) -> list[Path]:
        return [path for path in self._home.iterdir() if path.name.isdigit() and path.is_dir()]


def _sync(path: Path) -> None:
    """Wait until `path` is on the disk, so that a power cut never leaves a pointer to nothing."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
