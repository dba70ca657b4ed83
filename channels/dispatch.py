"""The web process's end of the bell: wakes the worker, starts it when nobody listens."""

import contextlib
import logging
import os
import select
import signal
import subprocess  # nosec B404
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from channels.doorbell import ring, socket_path

#: A worker that dies is started again after this pause, doubled up to the limit.
_FIRST_PAUSE, _LAST_PAUSE = 0.5, 30.0
#: How long a stop waits for the worker to finish what it has begun.
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
    ) -> None:
        self._path = socket_path(data)
        self._command = list(command)
        self._env = dict(env)
        self._has_work = has_work
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._ready: int | None = None
        self._pause = _FIRST_PAUSE
        self._stopped = False

    def wake(self) -> None:
        """Make sure that a worker will look at the database after this call."""
        if ring(self._path):
            return
        with self._lock:
            # A child that has not bound its socket yet will read every row once it has; one
            # that has and does not answer is on its way out, and needs a successor.
            if not self._stopped and not self._is_starting() and not ring(self._path):
                self._start()

    def resume(self) -> None:
        """Wake a worker if an earlier run of this program left work behind."""
        if self._has_work():
            self.wake()

    def stop(self) -> None:
        """Pass a stop on to the worker and wait for it at most 25 seconds."""
        with self._lock:
            self._stopped = True
            child = self._child
        if child is None or child.poll() is not None:
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

    def _is_starting(self) -> bool:
        if self._child is None or self._child.poll() is not None or self._ready is None:
            return False
        readable, _, _ = select.select([self._ready], [], [], 0)
        return not readable

    def _start(self) -> None:
        if self._ready is not None:
            os.close(self._ready)
        self._ready, told = os.pipe()
        try:
            self._child = subprocess.Popen(  # noqa: S603  # nosec B603
                [*self._command, "--ready-fd", str(told)],
                env=self._env,
                stdin=subprocess.DEVNULL,
                pass_fds=[told],
                # Its own session: Ctrl-C reaches the web process only, which passes a stop on.
                start_new_session=True,
            )
        finally:
            os.close(told)
        _log.info("worker started", extra={"action": "worker_started", "pid": self._child.pid})
        threading.Thread(target=self._watch, args=(self._child,), daemon=True).start()

    def _watch(self, child: subprocess.Popen[bytes]) -> None:
        """Sleep until the worker ends; start another if it died with work left."""
        began = time.monotonic()
        code = child.wait()
        if self._stopped or code == 0:
            return
        _log.error(
            "worker died", extra={"action": "worker_died", "pid": child.pid, "exit_code": code}
        )
        if time.monotonic() - began > _LAST_PAUSE:
            self._pause = _FIRST_PAUSE
        pause, self._pause = self._pause, min(2 * self._pause, _LAST_PAUSE)
        time.sleep(pause)
        with contextlib.suppress(Exception):
            if not self._has_work():
                return
        self.wake()
