"""Runs transactions; those that wait at the same time share one commit."""

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

#: Longer would keep the database from the other process for too long.
_HOLD_SECONDS = 0.004

T = TypeVar("T")


class Together(Protocol):
    """A database that can make one transaction of several."""

    def together(self) -> AbstractContextManager[None]:
        """Commit everything written in the block at its end, at once."""
        ...


class GroupCommit:
    """Called from any thread; a commit costs a disk's pause, however much it holds.

    Whoever gets the lock does the work of all who wait for it, as one transaction of which
    each work is a part that can be undone alone.
    """

    def __init__(self, database: Together) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Callable[[], Any], Future[Any]]] = deque()

    def run(self, work: Callable[..., T], *arguments: Any) -> T:
        """Return what `work` gives, once it is on the disk; raises what it raises."""
        done: Future[T] = Future()
        self._waiting.append((lambda: work(*arguments), done))
        with self._lock:
            while not done.done():
                self._run()
        return done.result()

    def _run(self) -> None:
        if len(self._waiting) == 1:
            # Alone it is a transaction of its own, or only reads and needs none.
            work, done = self._waiting.popleft()
            _settle(done, work)
            return
        told: list[tuple[Future[Any], Future[Any]]] = []
        try:
            with self._database.together():
                end = time.monotonic() + _HOLD_SECONDS
                while self._waiting and (not told or time.monotonic() < end):
                    work, done = self._waiting.popleft()
                    told.append((done, Future()))
                    _settle(told[-1][1], work)
        except Exception as error:  # noqa: BLE001 - handed to everybody whose work it undid
            # Before anything was taken it is the first who has to hear of it.
            for done in [done for done, _ in told] or [self._waiting.popleft()[1]]:
                done.set_exception(error)
            return
        # Told only now: before the commit nothing of it was sure.
        for done, outcome in told:
            _settle(done, outcome.result)


def _settle(done: Future[T], work: Callable[[], T]) -> None:
    try:
        done.set_result(work())
    except Exception as error:  # noqa: BLE001 - handed to whoever asked for the work
        done.set_exception(error)
