"""The worker beyond one machine: contacts come as jobs, and each runs in a lane as ever."""

import asyncio
import contextlib
import logging
from collections.abc import Callable

import psycopg
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Status

from agent.errors import StorageError
from channels.delivery import Store
from channels.doorbell import Doorbell
from channels.lane import Lane
from channels.postgres import PostgresDatabase
from channels.queue import NEWS, SERVE_CONTACT, open_queue
from channels.turns import Turns

#: A job that becomes free while its contact's last one ends is found by looking. The wait hides
#: in the burst window, which runs from the message and not from the look.
_LOOK_SECONDS = 1.0
#: A worker that gave no sign of life for so long is dead, and its contacts go to the others.
_HEARTBEAT_SECONDS, _DEAD_SECONDS = 5.0, 20.0
_SWEEP_SECONDS = 5.0
#: How long a lost database is left alone before the next try.
_LOST_SECONDS = 2.0

_log = logging.getLogger(__name__)


class QueueWorker:
    """Answers whatever waits, beside any number of others; the queue keeps contacts apart."""

    def __init__(
        self,
        *,
        database: PostgresDatabase,
        turns: Turns,
        store: Store,
        new_lane: Callable[[str], Lane],
        idle_seconds: float,
        stop_seconds: float,
        concurrency: int,
        doorbell: Doorbell | None = None,
    ) -> None:
        """With a `doorbell` the worker leaves when idle; without, it stays until stopped.

        `stop_seconds` is how long a stop lets running turns finish.
        """
        self._queue = open_queue(database.url)
        self._database = database
        self._turns = turns
        self._store = store
        self._new_lane = new_lane
        self._idle_seconds = idle_seconds
        self._stop_seconds = stop_seconds
        self._concurrency = concurrency
        self._doorbell = doorbell
        self._lanes: dict[str, Lane] = {}
        self._changed = asyncio.Event()
        self._stopping = asyncio.Event()
        self._queue.task(name=SERVE_CONTACT)(self._serve_contact)

    async def run(self) -> None:
        """Work until `stop`, or until idle where a doorbell can call another worker."""
        while not self._stopping.is_set():
            try:
                await self._work()
            except* (ConnectorException, StorageError, psycopg.OperationalError):
                _log.exception("database lost", extra={"action": "database_lost"})
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOST_SECONDS):
                    await self._stopping.wait()

    def stop(self) -> None:
        """Take no new turn; those at hand may finish."""
        self._stopping.set()
        # At once: a closed socket is how whoever asked for the stop knows that it was heard.
        self._close_bell()
        for lane in self._lanes.values():
            lane.stop()

    async def _work(self) -> None:
        """Serve jobs until stopped or idle; raises when the database is lost."""
        async with self._queue.open_async(), asyncio.TaskGroup() as tasks:
            beside = [tasks.create_task(self._listen()), tasks.create_task(self._sweep_often())]
            jobs = tasks.create_task(
                self._queue.run_worker_async(
                    concurrency=self._concurrency,
                    install_signal_handlers=False,
                    # A job is a reminder; what was done stands in turns and outbox.
                    delete_jobs="always",
                    fetch_job_polling_interval=_LOOK_SECONDS,
                    update_heartbeat_interval=_HEARTBEAT_SECONDS,
                    stalled_worker_timeout=_DEAD_SECONDS,
                    shutdown_graceful_timeout=self._stop_seconds,
                )
            )
            beside.append(tasks.create_task(self._stop_when_idle()))
            stopped = tasks.create_task(self._stopping.wait())
            await asyncio.wait({jobs, stopped}, return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
            # A cancelled worker takes no further job and lets those at hand finish.
            jobs.cancel()
            await asyncio.wait({jobs})
            for task in beside:
                task.cancel()

    async def _serve_contact(self, contact: str) -> None:
        if contact in self._lanes:
            # Others took this process for dead and made a second job; the lane still runs.
            self._lanes[contact].ring()
            return
        lane = self._lanes[contact] = self._new_lane(contact)
        if self._stopping.is_set():
            lane.stop()
        self._changed.set()
        # Whatever ends a lane, the work is still in the database: the sweep makes another job.
        try:
            await lane.work()
        except StorageError as error:
            _log.warning("lane ended", extra={"action": "lane_broke", "error": str(error)})
        except Exception:  # noqa: BLE001 - one contact's trouble must not end the worker
            _log.exception("lane broke", extra={"action": "lane_broke", "contact": contact})
        finally:
            del self._lanes[contact]
            self._changed.set()

    async def _listen(self) -> None:
        """Tell running lanes of their contact's new messages, as soon as those are stored.

        News that is missed costs nothing but time: the end of a turn looks for it once more.
        """

        async def ring(*, channel: str, payload: str) -> None:
            if payload in self._lanes:
                self._lanes[payload].ring()

        while True:
            with contextlib.suppress(ConnectorException):
                await self._queue.connector.listen_notify(ring, [NEWS])
            await asyncio.sleep(_LOST_SECONDS)

    async def _sweep_often(self) -> None:
        while True:
            try:
                await self._sweep()
            except (ConnectorException, StorageError) as error:
                _log.warning(
                    "sweep failed, to be repeated",
                    extra={"action": "sweep_failed", "error": type(error).__name__},
                )
            await asyncio.sleep(_SWEEP_SECONDS)

    async def _sweep(self) -> None:
        """Forget the jobs of dead workers, then remind of every contact without a job."""
        jobs = self._queue.job_manager
        for job in await jobs.get_stalled_jobs(seconds_since_heartbeat=_DEAD_SECONDS):
            if job.id is None:
                continue
            # Another worker's sweep may have been faster.
            with contextlib.suppress(ConnectorException):
                await jobs.finish_job_by_id_async(job.id, Status.FAILED, delete_job=True)
                _log.warning("job of a dead worker taken over", extra={"action": "job_taken_over"})
        for contact in await self._store(self._database.contacts_without_job):
            await self._store(self._remind, contact)

    def _remind(self, contact: str) -> None:
        with self._database.write(contact) as connection:
            self._database.announce(connection, contact)

    async def _stop_when_idle(self) -> None:
        if self._doorbell is None:
            return
        loop = asyncio.get_running_loop()
        while not self._stopping.is_set():
            loop.add_reader(self._doorbell.socket, self._rung)
            await self._wait_for_idleness()
            self._close_bell()
            owed = True
            try:
                # A message stored before the socket closed rang nobody: look once more.
                owed = await self._is_owed()
            finally:
                if owed and not self._stopping.is_set():
                    self._doorbell.open()
            if not owed:
                self.stop()

    def _close_bell(self) -> None:
        if self._doorbell is not None and self._doorbell.is_open:
            asyncio.get_running_loop().remove_reader(self._doorbell.socket)
            self._doorbell.close()

    async def _is_owed(self) -> bool:
        try:
            return await self._store(self._turns.any_owed)
        except StorageError:
            return True

    async def _wait_for_idleness(self) -> None:
        idle = False
        while not idle:
            self._changed.clear()
            try:
                async with asyncio.timeout(None if self._lanes else self._idle_seconds):
                    await self._changed.wait()
            except TimeoutError:
                idle = True

    def _rung(self) -> None:
        if self._doorbell is not None and self._doorbell.drain():
            self.stop()
        self._changed.set()
