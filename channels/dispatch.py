"""The web process's end of the bell: wakes the worker, starts it when nobody listens."""

import contextlib
import logging
import os
import select
import signal
import subprocess  # nosec B404
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from agent.errors import StorageError
from channels.doorbell import ring, socket_path, stop_worker, wait_for_leaving

#: A worker that dies is started again after this pause, doubled up to the limit.
_FIRST_PAUSE, _LAST_PAUSE = 0.5, 30.0
#: One that lived so long was well: the next pause is the first again.
_WELL_SECONDS = 5.0
#: How long a stop waits for the worker, which divides the time up in `crew`.
STOP_SECONDS = 25.0

_log = logging.getLogger(__name__)


class Dispatcher:
    """Keeps a worker alive while there is work; safe from any thread."""

    def __init__(
        self,
        data: Path,
        command: Sequence[str],
        env: Mapping[str, str],
        has_work: Callable[[], bool],
        *,
        first_pause: float = _FIRST_PAUSE,
    ) -> None:
        self._data = data
        self._path = socket_path(data)
        self._command = list(command)
        # A long socket path lies in the temporary folder, which must be the worker's too.
        self._env = {"TMPDIR": tempfile.gettempdir(), **env}
        self._has_work = has_work
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._ready: int | None = None
        self._first_pause = self._pause = first_pause
        self._stopped = threading.Event()
        #: Somebody sleeps until the worker ends and looks for work then.
        self._watched = False
        #: The watcher pauses before its look; until then no worker is started.
        self._resting = False

    def wake(self) -> None:
        """Make sure that a worker will look at the database after this call."""
        heard = ring(self._path)
        with self._lock:
            # A child that has not bound its socket yet will read every row once it has; one
            # that has and does not answer is on its way out, and needs a successor.
            if not (heard or self._resting or self._is_starting() or ring(self._path)):
                self._start()
            # Perhaps it is not our child, but the worker of a web process that was killed.
            self._watch()

    def resume(self) -> None:
        """Wake a worker if an earlier run of this program left work behind."""
        if self._has_work():
            self.wake()

    def stop(self) -> None:
        """Pass a stop on to the worker, whoever started it, and wait at most 25 seconds."""
        with self._lock:
            self._stopped.set()
            child = self._child
        if child is None or child.poll() is not None:
            if not stop_worker(self._data, STOP_SECONDS):
                _log.warning("worker did not stop in time", extra={"action": "worker_left_behind"})
            return
        with contextlib.suppress(ProcessLookupError):
            child.send_signal(signal.SIGTERM)
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            _log.warning(
                "worker did not stop in time", extra={"action": "worker_killed", "pid": child.pid}
            )
            child.kill()
            child.wait()

    def _is_starting(self) -> bool:
        if self._child is None or self._child.poll() is not None or self._ready is None:
            return False
        # The child closes its end once it listens, or dies; `select` cannot see high numbers.
        end = select.poll()
        end.register(self._ready, select.POLLIN | select.POLLHUP)
        return not end.poll(0)

    def _start(self) -> None:
        if self._stopped.is_set():
            return
        if self._ready is not None:
            os.close(self._ready)
        self._ready, told = os.pipe()
        try:
            self._child = subprocess.Popen(  # nosec B603
                [*self._command, "--ready-fd", str(told)],
                env=self._env,
                stdin=subprocess.DEVNULL,
                pass_fds=[told],
                # Its own session: Ctrl-C reaches the web process only, which passes a stop on.
                start_new_session=True,
            )
        except OSError as error:
            # The message is stored: nothing is lost, and it is tried again as after a death.
            _log.error(
                "worker could not be started",
                extra={"action": "worker_not_started", "error": error.strerror},
            )
            self._watch(failed=True)
        else:
            _log.info("worker started", extra={"action": "worker_started", "pid": self._child.pid})
        finally:
            os.close(told)

    def _watch(self, *, failed: bool = False) -> None:
        if not self._watched and not self._stopped.is_set():
            self._watched, self._resting = True, failed
            threading.Thread(target=self._look_after, args=(failed,), daemon=True).start()

    def _look_after(self, failed: bool) -> None:
        """Sleep until the worker ends; see to it that another one comes if it left work."""
        began = time.monotonic()
        failed = failed or self._wait_for_end()
        if failed or self._owes():
            self._rest(failed, well=time.monotonic() - began > _WELL_SECONDS)
        with self._lock:
            # From here on whoever stores a message finds nobody watching, and starts a worker.
            self._resting = self._watched = False
        if not self._stopped.is_set() and self._owes():
            self.wake()

    def _wait_for_end(self) -> bool:
        """Return when no worker is left, ours or another's; True when ours failed."""
        failed = False
        # A successor may have been started while its predecessor was on its way out.
        while (child := self._child) is not None:
            failed = child.wait() != 0
            if failed and not self._stopped.is_set():
                told = {"action": "worker_died", "pid": child.pid, "exit_code": child.returncode}
                _log.error("worker died", extra=told)
            with self._lock:
                if self._child is child:
                    self._child = None
        if not self._stopped.is_set():
            wait_for_leaving(self._data)
        return failed

    def _rest(self, failed: bool, *, well: bool) -> None:
        """Pause before the next worker; a failing one is not even started for new messages."""
        with self._lock:
            pause = self._first_pause if well else self._pause
            self._pause = min(2 * pause, _LAST_PAUSE)
            self._resting = failed
        self._stopped.wait(pause)

    def _owes(self) -> bool:
        try:
            return self._has_work()
        except StorageError:
            return True  # let the worker find out
