"""Runs transactions; those that wait at the same time share one commit."""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

#: More would keep the database from the other process for too long.
_MOST = 32

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
                self._run([self._waiting.popleft() for _ in range(self._batch())])
        return done.result()

    def _batch(self) -> int:
        return min(len(self._waiting), _MOST)

    def _run(self, jobs: list[tuple[Callable[[], Any], Future[Any]]]) -> None:
        if len(jobs) == 1:
            _settle(jobs[0][1], jobs[0][0])
            return
        outcomes: list[Future[Any]] = []
        try:
            with self._database.together():
                for work, _ in jobs:
                    outcomes.append(Future())
                    _settle(outcomes[-1], work)
        except Exception as error:  # noqa: BLE001 - handed to everybody whose work it undid
            for _, done in jobs:
                done.set_exception(error)
            return
        # Told only now: before the commit nothing of it was sure.
        for (_, done), outcome in zip(jobs, outcomes, strict=True):
            _settle(done, outcome.result)


def _settle(done: Future[T], work: Callable[[], T]) -> None:
    try:
        done.set_result(work())
    except Exception as error:  # noqa: BLE001 - handed to whoever asked for the work
        done.set_exception(error)
