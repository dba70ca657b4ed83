"""The worker: one event loop, one lane per contact with work, gone after an idle time."""

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from channels.doorbell import Doorbell
from channels.lane import Lane, Mind
from channels.outbox import Outbox
from channels.sender import Sender
from channels.turns import Turns

#: How long a stop lets running turns finish; below what `clone serve` waits for the worker.
STOP_SECONDS = 20.0

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Worker:
    """Answers whatever waits; at rest it sleeps on its socket, without a timer but the idle one."""

    def __init__(
        self,
        *,
        turns: Turns,
        outbox: Outbox,
        mind: Mind,
        senders: Mapping[str, Sender],
        doorbell: Doorbell,
        alert: Callable[[str, str], Awaitable[None]],
        turn_seconds: float,
        idle_seconds: float,
        concurrency: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._turns = turns
        self._outbox = outbox
        self._mind = mind
        self._senders = senders
        self._doorbell = doorbell
        self._alert = alert
        self._turn_seconds = turn_seconds
        self._idle_seconds = idle_seconds
        self._places = asyncio.Semaphore(concurrency)
        self._clock = clock
        self._lanes: dict[str, tuple[Lane, asyncio.Task[None]]] = {}
        self._changed = asyncio.Event()
        self._stopping = asyncio.Event()
        self._position = 0
        self._look_at_all = True
        # One thread: SQLite takes one writer at a time, and the loop must never wait for a disk.
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="store")

    async def run(self) -> None:
        """Work until idle for the idle time, or until `stop`; then let the socket go."""
        loop = asyncio.get_running_loop()
        try:
            while not self._stopping.is_set():
                loop.add_reader(self._doorbell.socket, self._rung)
                await self._serve()
                loop.remove_reader(self._doorbell.socket)
                self._doorbell.close()
                # A message stored before the socket closed rang nobody: look once more.
                if self._stopping.is_set() or not await self._contacts(everyone=True):
                    break
                self._doorbell.open()
        finally:
            await self._end_lanes()
            self._threads.shutdown()

    def stop(self) -> None:
        """Take no new turn; those at hand may finish."""
        self._stopping.set()
        for lane, _ in self._lanes.values():
            lane.stopping = True
            lane.ring()
        self._changed.set()

    def _rung(self) -> None:
        self._doorbell.drain()
        self._changed.set()

    async def _serve(self) -> None:
        """Give every contact with work a lane; return when idle for long enough."""
        self._look_at_all = True
        self._changed.set()
        while not self._stopping.is_set():
            if not self._changed.is_set() and not self._lanes:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), self._idle_seconds)
                if not self._changed.is_set():
                    return
            await self._changed.wait()
            self._changed.clear()
            everyone, self._look_at_all = self._look_at_all, False
            for contact in await self._contacts(everyone=everyone):
                if not self._stopping.is_set():
                    self._attend(contact)

    async def _contacts(self, *, everyone: bool) -> list[str]:
        """Return whom to attend to: those who wrote since the last look, or all with work."""
        if everyone:
            self._position = await self._store(self._turns.last_position)
            return await self._store(self._turns.contacts_with_work)
        contacts, self._position = await self._store(self._turns.contacts_with_news, self._position)
        return contacts

    def _attend(self, contact: str) -> None:
        if contact in self._lanes and not self._lanes[contact][1].done():
            self._lanes[contact][0].ring()
            return
        lane = Lane(
            contact,
            turns=self._turns,
            outbox=self._outbox,
            mind=self._mind,
            senders=self._senders,
            store=self._store,
            alert=self._alert,
            turn_seconds=self._turn_seconds,
            places=self._places,
            clock=self._clock,
        )
        task = asyncio.ensure_future(lane.work())
        self._lanes[contact] = (lane, task)
        task.add_done_callback(lambda done: self._left(contact, done))

    def _left(self, contact: str, task: asyncio.Task[None]) -> None:
        if self._lanes[contact][1] is task:
            del self._lanes[contact]
        if not self._lanes:
            self._changed.set()
        if not task.cancelled() and (error := task.exception()):
            _log.error(
                "lane broke",
                exc_info=error,
                extra={"action": "lane_broke", "contact": contact},
            )
            # The work is still in the database; try again, but not in a tight loop.
            asyncio.get_running_loop().call_later(5.0, self._look_again)

    def _look_again(self) -> None:
        self._look_at_all = True
        self._changed.set()

    async def _end_lanes(self) -> None:
        tasks = [task for _, task in self._lanes.values()]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=STOP_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _store(self, work: Callable[..., T], *arguments: Any) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, work, *arguments)


async def run_until_stopped(worker: Worker) -> None:
    """Run a worker that SIGTERM and Ctrl-C stop gently."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, worker.stop)
    await worker.run()
