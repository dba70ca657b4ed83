"""The worker's end of the bell: one worker per data folder, woken through a Unix socket."""

import contextlib
import fcntl
import os
import socket
import stat
import tempfile
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from types import TracebackType

from agent.errors import StorageError

#: `sun_path` holds 108 bytes on Linux and 104 elsewhere, a zero byte included.
_LONGEST_PATH = 100
_HAND_OVER_SECONDS = 30.0
#: How long a worker may take to hear a stop: it may be in the middle of its imports.
_HEAR_SECONDS = 5.0
_RING, _STOP = b"!", b"."


def socket_path(data: Path) -> Path:
    """Return where the worker of a data folder listens, short enough for any system.

    A long path moves to a private folder named by its hash in the system's temporary folder.
    """
    path = data.absolute() / "worker.sock"
    if len(os.fsencode(path)) <= _LONGEST_PATH:
        return path
    name = sha256(os.fsencode(path)).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"clone-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()  # not through a link, which anybody may have put there
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise StorageError(f"{folder} is not private to this user; remove it and start again")
    return folder / f"{name}.sock"


def ring(path: Path, message: bytes = _RING) -> bool:
    """Wake the worker that listens at `path`; False when nobody does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bell:
        bell.setblocking(False)
        try:
            bell.sendto(message, os.fspath(path))
        except BlockingIOError:
            return True  # its queue is full: it is awake and will look
        except OSError:
            return False
    return True


def stop_worker(data: Path, seconds: float) -> bool:
    """Tell whichever worker listens to stop, and wait for its end; False when it did not obey."""
    path = socket_path(data)
    if not ring(path, _STOP):
        return True
    # A worker that obeys stops to listen at once, and lets go of the lock at its end.
    if not _comes_true(lambda: not ring(path), _HEAR_SECONDS):
        return False
    lock = _open_lock(data)
    try:
        return _comes_true(lambda: _try(lock, fcntl.LOCK_SH), seconds)
    finally:
        os.close(lock)


def wait_for_leaving(data: Path) -> None:
    """Sleep until no worker holds the data folder, whoever started it, however it ends."""
    lock = _open_lock(data)
    try:
        fcntl.flock(lock, fcntl.LOCK_SH)
    finally:
        os.close(lock)


class Doorbell:
    """Holds the worker's lock and socket; `claim` before anything heavy is imported."""

    def __init__(self, data: Path, patience: float = _HAND_OVER_SECONDS) -> None:
        """`patience` is how long a worker on its way out is waited for, in seconds."""
        self._patience = patience
        self._data = data
        self._path = socket_path(data)
        self._lock: int | None = None
        self._socket: socket.socket | None = None

    def claim(self) -> bool:
        """Become the only worker; False when another one serves this folder already.

        A worker that is on its way out has closed its socket but still holds the lock: wait
        for it, or its successor would be missing. Raises `StorageError` when it never leaves.
        """
        lock = _open_lock(self._data)
        end = time.monotonic() + self._patience
        while not _try(lock, fcntl.LOCK_EX):
            if ring(self._path):
                os.close(lock)
                return False
            if time.monotonic() > end:
                os.close(lock)
                raise StorageError(
                    f"another worker holds {self._data} but does not listen; stop it first"
                )
            time.sleep(0.01)
        self._lock = lock
        self.open()
        return True

    def open(self) -> None:
        """Start to listen; a socket left by a worker that was killed is replaced."""
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        bell = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        bell.setblocking(False)
        bell.bind(os.fspath(self._path))
        self._path.chmod(0o600)
        self._socket = bell

    def close(self) -> None:
        """Stop listening; from here on whoever rings starts another worker."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
            with contextlib.suppress(FileNotFoundError):
                self._path.unlink()

    def release(self) -> None:
        """Let the next worker have the folder."""
        self.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @property
    def is_open(self) -> bool:
        """Whether somebody who rings is heard."""
        return self._socket is not None

    @property
    def socket(self) -> socket.socket:
        """The listening socket; only while it is open."""
        if self._socket is None:
            raise RuntimeError("the doorbell is not open")
        return self._socket

    def drain(self) -> bool:
        """Take all rings that came, as one look serves them all; True when told to stop."""
        told_to_stop = False
        with contextlib.suppress(BlockingIOError):
            while True:
                told_to_stop |= self.socket.recv(16) == _STOP
        return told_to_stop

    def __enter__(self) -> "Doorbell":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


def _open_lock(data: Path) -> int:
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.open(data / "worker.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _try(lock: int, kind: int) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _comes_true(condition: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
