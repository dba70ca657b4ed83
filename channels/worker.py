"""The worker: one event loop, one lane per contact with work, gone after an idle time."""

import asyncio
import logging
import signal
from collections.abc import Callable
from typing import Protocol

from agent.errors import StorageError
from channels.delivery import Store
from channels.doorbell import Doorbell
from channels.lane import Lane
from channels.turns import Turns

#: What failed in the worker itself is tried again after this pause, doubled up to the limit.
_FIRST_PAUSE, _LAST_PAUSE = 2.0, 60.0

_log = logging.getLogger(__name__)


class Worker:
    """Answers whatever waits; at rest it sleeps on its socket, without a timer but the idle one."""

    def __init__(
        self,
        *,
        turns: Turns,
        store: Store,
        new_lane: Callable[[str], Lane],
        doorbell: Doorbell,
        idle_seconds: float,
        stop_seconds: float,
        first_pause: float = _FIRST_PAUSE,
    ) -> None:
        """`stop_seconds` is how long a stop lets running turns finish."""
        self._turns = turns
        self._store = store
        self._new_lane = new_lane
        self._doorbell = doorbell
        self._idle_seconds = idle_seconds
        self._stop_seconds = stop_seconds
        self._lanes: dict[str, tuple[Lane, asyncio.Task[None]]] = {}
        self._changed = asyncio.Event()
        self._stopping = asyncio.Event()
        self._position = 0
        self._look_at_all = True
        self._first_pause = self._pause = first_pause
        self._later: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        """Work until idle for the idle time, or until `stop`; then let the socket go."""
        try:
            while not self._stopping.is_set():
                await self._serve()
                self._doorbell.close()
                # A message stored before the socket closed rang nobody: look once more.
                if self._stopping.is_set() or not await self._has_work():
                    break
                self._doorbell.open()
        finally:
            await self._end()

    def stop(self) -> None:
        """Take no new turn; those at hand may finish."""
        self._stopping.set()
        for lane, _ in self._lanes.values():
            lane.stop()
        self._changed.set()

    async def _serve(self) -> None:
        """Listen, and give every contact with work a lane; return when idle for long enough."""
        loop, bell = asyncio.get_running_loop(), self._doorbell.socket
        loop.add_reader(bell, self._rung)
        try:
            self._look_at_all = True
            self._changed.set()
            while not self._stopping.is_set() and await self._anything_new():
                self._changed.clear()
                for contact in await self._contacts():
                    self._attend(contact)
        finally:
            loop.remove_reader(bell)

    def _rung(self) -> None:
        if self._doorbell.drain():
            self.stop()
        self._changed.set()

    async def _anything_new(self) -> bool:
        """Wait for a ring or the end of a lane; False when idle for long enough."""
        busy = bool(self._lanes) or self._later is not None
        try:
            async with asyncio.timeout(None if busy else self._idle_seconds):
                await self._changed.wait()
        except TimeoutError:
            return self._changed.is_set()
        return True

    async def _contacts(self) -> list[str]:
        """Return whom to attend to: those who wrote since the last look, or all with work."""
        try:
            if not self._look_at_all:
                after = self._position
                contacts, self._position = await self._store(self._turns.contacts_with_news, after)
                return contacts
            self._position = await self._store(self._turns.last_position)
            contacts = await self._store(self._turns.contacts_with_work)
            self._look_at_all = False
            return contacts
        except StorageError as error:
            self._look_later(error)
            return []

    async def _has_work(self) -> bool:
        try:
            return await self._store(self._turns.any_owed)
        except StorageError as error:
            self._look_later(error)
            return True

    def _attend(self, contact: str) -> None:
        if self._stopping.is_set():
            return
        if contact in self._lanes and not self._lanes[contact][1].done():
            self._lanes[contact][0].ring()
            return
        lane = self._new_lane(contact)
        task = asyncio.create_task(lane.work())
        self._lanes[contact] = (lane, task)
        task.add_done_callback(lambda done: self._left(contact, done))

    def _left(self, contact: str, task: asyncio.Task[None]) -> None:
        if self._lanes[contact][1] is task:
            del self._lanes[contact]
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._look_later(error, contact=contact)
        elif not task.cancelled():
            self._pause = self._first_pause
        if not self._lanes:
            self._changed.set()

    def _look_later(self, error: BaseException, **ids: str) -> None:
        """Look at everything again after a pause: the work is still in the database.

        A database that fails fails all lanes at once, which is told once and tried again once.
        """
        if self._later is None or not isinstance(error, StorageError):
            _log.error(
                "worker could not go on, to be repeated",
                exc_info=error,
                extra={"action": "lane_broke", "error": _reason(error), **ids},
            )
        if self._later is None:
            self._later = asyncio.get_running_loop().call_later(self._pause, self._look_now)
            self._pause = min(2 * self._pause, _LAST_PAUSE)

    def _look_now(self) -> None:
        self._later = None
        self._look_at_all = True
        self._changed.set()

    async def _end(self) -> None:
        if self._later is not None:
            self._later.cancel()
        self.stop()
        tasks = [task for _, task in self._lanes.values()]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=self._stop_seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _reason(error: BaseException) -> str:
    return str(error) if isinstance(error, StorageError) else type(error).__name__


class Stoppable(Protocol):
    """A worker of either kind."""

    async def run(self) -> None:
        """Work until idle or stopped."""
        ...

    def stop(self) -> None:
        """Take no new turn; those at hand may finish."""
        ...


async def run_until_stopped(worker: Stoppable) -> None:
    """Run a worker that SIGTERM and Ctrl-C stop gently."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, worker.stop)
    await worker.run()
